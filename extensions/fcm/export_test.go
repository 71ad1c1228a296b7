package fcm

// Token reads the token service's answer.
func Token(raw []byte) (string, error) {
	token, _, err := readToken(raw)
	return token, err
}

// Gone says whether an answer means that the token is gone.
func Gone(status int, raw []byte) bool {
	_, gone := readFailure(status, raw)
	return gone
}
