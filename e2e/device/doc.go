// Package device is a phone in Go, written against sidecar/device/PROTOCOL.md
// and using nothing of the program: its second implementation, for tests,
// scripts and load. Its keys are in software and its state lies in a file, so
// it is no pattern for an app that holds a person's keys.
package device
