package webhooks

// Public is what the dialer asks of each address.
var Public = public
