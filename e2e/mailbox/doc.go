// Package mailbox is a mail server that keeps what it is given: a listener that
// speaks SMTP (RFC 5321) as far as Keycloak and Schleuse do, and the messages
// for a test or a person to read. It delivers nothing, and knows nothing of who
// sends.
package mailbox
