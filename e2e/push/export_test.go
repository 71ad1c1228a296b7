package push

// Wrong returns the field of an FCM message that is wrong.
func Wrong(raw []byte) string {
	_, field := readMessage(raw)
	return field
}
