// Package password is the step in which an identified person chooses a
// password: for an account that is made with it, or for the one that there is.
// It acts for whoever the flow has identified, and proves nothing itself.
package password
