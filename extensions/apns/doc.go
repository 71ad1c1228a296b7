// Package apns wakes phones by the Apple Push Notification service. It owns the
// notification, the provider token and what an answer means. What waits for the
// phone it does not know: a push holds an opaque id.
package apns
