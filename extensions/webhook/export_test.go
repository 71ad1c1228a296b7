package webhook

// Gone says whether the body of a 410 means that the token is gone.
func Gone(raw []byte) bool { return gone(raw) }
