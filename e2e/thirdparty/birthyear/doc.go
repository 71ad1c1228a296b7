// Package birthyear is a step of somebody else's: it asks for the year of
// birth. It is here to show, and to test, that a step can be written and built
// outside of Schleuse's own module, with its public packages alone. A year is
// far too easy to guess to prove who somebody is: it stands beside other steps.
package birthyear
