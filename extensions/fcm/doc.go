// Package fcm wakes phones by Firebase Cloud Messaging (HTTP v1). It owns the
// message, the service account's access token and what an answer means. What
// waits for the phone it does not know: a push holds an opaque id.
package fcm
