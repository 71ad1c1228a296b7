// Package webhook wakes phones through the operator's own push gateway: it
// posts to it what is to be pushed, signed (Standard Webhooks 1.0). Which
// services the gateway speaks to, and what a phone shows, it does not know.
package webhook
