// Package notices brings notices to people: it owns that each is made durable
// for every channel before anybody goes on, and is tried until its time is
// over. It must not know how a channel works, nor what a notice says.
package notices
