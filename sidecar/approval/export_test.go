package approval

// Word is what an answer says to a request for so many digits; no reason means
// yes.
func Word(payload []byte, digits int) (request, code, reason string) {
	w := parseWord(payload, digits)
	return w.request, w.code, w.reason
}
