// Package commandline is a phone on the command line. What it answers is JSON.
package commandline
