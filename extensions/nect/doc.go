// Package nect is the step that lets people identify themselves at the
// identification service Nect, and the client of that service. It owns the
// case: that it is bound to one attempt and one number before anybody is sent
// away, that only the browser which came back, or the person who holds the code
// shown there, can go on with it, and that its result is pulled, compared once
// and dropped. It must not know what the proof is good for.
//
// What a browser or a callback says is a hint and never believed. The name of a
// case proves nothing: whoever began it knows it, and may have sent the link to
// somebody else. So the address to which Nect sends people back carries a secret
// that no page of ours shows.
//
// Nect's interface is not public. What is assumed of it stands in
// ASSUMPTIONS.md, and every assumption has a test that shows it.
package nect
