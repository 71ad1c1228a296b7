// Package push plays the services that wake phones: Firebase Cloud Messaging
// (HTTP v1, with the token service of its accounts) and the Apple Push
// Notification service. Both check what the real ones check, as far as that is
// documented, keep what arrived, and have every failure to switch on. No phone
// is woken.
package push
