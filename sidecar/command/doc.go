// Package command is the command line. It owns what operators type and read:
// commands, flags, messages, exit codes. It must not know any particular
// extension: a program hands its own to Main.
package command
