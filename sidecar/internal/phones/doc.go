// Package phones joins package device to the key ring and to an outbox. It owns
// which keys stand for which of its ports, and nothing else: what is hashed,
// sealed or queued it must not know.
package phones
