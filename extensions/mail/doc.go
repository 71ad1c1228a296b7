// Package mail is a notifier: it tells people by mail what happened to their
// account. It owns the message and its way to the operator's mail server. What
// a notice says is notify's; when it is tried again is the caller's.
package mail
