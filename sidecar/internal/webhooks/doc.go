// Package webhooks owns what clients of the approvals API are told by
// themselves: that an approval was decided or is over, as signed messages
// (Standard Webhooks 1.0) to the address that the operator gave for the client.
// It must not know how an approval is decided, and it tells nothing but an id
// and a state: who wants to know more asks the API.
package webhooks
