package apns

// Reason returns what an answer's body says that may be logged.
func Reason(raw []byte) string { return string(readReason(raw)) }

// Gone says whether an answer means that the token is gone.
func Gone(status int, raw []byte) bool { return readReason(raw).gone(status) }
