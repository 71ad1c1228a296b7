package webcenter

// ParseIBAN is for tests.
func ParseIBAN(text string) (string, bool) { return parseIBAN(text) }
