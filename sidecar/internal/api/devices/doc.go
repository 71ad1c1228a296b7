// Package devices owns the Device API: how a call of a phone is proven (DPoP,
// RFC 9449), which calls there are and how what the domain answers is told
// (device/PROTOCOL.md). It must not know what makes a phone active or an
// answer good: device and approval do.
package devices
