package webhooks

// Public is what the dialer asks of each address; Transport is what dials.
var (
	Public    = public
	Transport = transport
)
