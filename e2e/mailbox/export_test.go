package mailbox

// Parse reads a message.
func Parse(raw []byte) (Message, error) { return parse(raw) }
