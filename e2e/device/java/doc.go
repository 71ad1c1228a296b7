// Package java compiles the phone in plain Java that stands beside it and runs
// it. The phone was written from PROTOCOL.md alone and shares nothing with the
// one in Go: where both understand the document alike, an app maker will. How it
// becomes an Android app is said in schleuse/package-info.java.
//
// It must not know package device.
package java
