// Package egk is the step that asks for the last four digits of the health
// card's number (field 8 on its back). It owns the question, the limits of
// guessing, and what is said to people who cannot answer. It must not know
// what the proof is good for.
//
// The digits are no secret: every practice sees them. So they are asked after
// the password only, and every try is counted before it is compared, for the
// account and for the card. Who knows just a number can neither guess nor lock.
package egk
