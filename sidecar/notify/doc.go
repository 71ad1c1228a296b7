// Package notify owns the notices that tell a person what happened to their
// account: which there are, what they say, and who sends them. A notice has a
// fixed text without personal data. The package must not know how a notice
// travels (mail, letter), nor anything of HTTP.
package notify
