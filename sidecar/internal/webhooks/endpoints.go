package webhooks

import (
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/secretfile"
)

// Endpoints returns where the clients of a configuration are told.
func Endpoints(c *config.Config) map[string]Endpoint {
	out := map[string]Endpoint{}
	if c.Approvals == nil {
		return out
	}
	for client, b := range c.Approvals.Clients {
		if b.Webhook != nil {
			out[client] = Endpoint{
				URL: b.Webhook.URL.Pointer(), Secret: secretfile.Open(b.Webhook.SecretFile), AllowPrivate: b.Webhook.AllowPrivate,
			}
		}
	}
	return out
}
