// Package kvnr is the first step of every login: it asks for the insurance
// number and for what the person wants to do. It owns these two questions and
// what it says to people who typed something else. It looks nobody up: what it
// shows is the same for every number. It must not know what follows.
package kvnr
