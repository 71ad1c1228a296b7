// Package letter is the step that asks for a code which came by post to the
// address on file, and orders the letters. It owns the code, the order's way to
// the print service, and the limits of both; beside that it brings notices by
// the same way. It must not know what the proof is good for, nor anybody's
// address: the print service has it.
//
// Whoever knows nothing but a number learns nothing here: the code's entry is
// offered to everybody, and an order is taken alike for every number. Whom it
// is for, and whether they get a letter, is found out afterwards.
package letter
