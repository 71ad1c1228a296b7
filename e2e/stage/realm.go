package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// CopyRealm makes another realm of the same content, people and clients as
// config/realm has them, so that whoever changes a realm as a whole disturbs
// nobody else on the stage. One of that name that is there already is replaced.
func (k *Keycloak) CopyRealm(ctx context.Context, name string, ports Ports) (*Admin, error) {
	file, err := inRoot("config", "realm", "kasse-realm.json")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var realm map[string]any
	if err := json.Unmarshal(text, &realm); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	realm["realm"] = name
	admin := k.Admin.In(name)
	if err := admin.DropRealm(ctx); err != nil {
		return nil, err
	}
	if _, err := admin.In("").Do(ctx, http.MethodPost, "", realm, nil); err != nil {
		return nil, fmt.Errorf("making realm %s: %w", name, err)
	}
	return admin, pointClients(ctx, admin, ports)
}

// pointClients gives the realm's clients the addresses of this stage: the
// realm file holds those of the default port block.
func pointClients(ctx context.Context, admin *Admin, ports Ports) error {
	if ports == PortsFrom(DefaultPortBase) {
		return nil
	}
	for client, url := range map[string]string{
		"webcenter": ports.SiteURL(), "meine-geraete": ports.GateURL(), "partnerportal": ports.PartnerURL(), "kundenapp": ports.AppURL(),
	} {
		err := admin.EditClient(ctx, client, func(c map[string]any) {
			old, _ := c["rootUrl"].(string)
			c["rootUrl"] = url
			attributes, _ := c["attributes"].(map[string]any)
			for name, value := range attributes {
				if text, ok := value.(string); ok && old != "" {
					attributes[name] = strings.ReplaceAll(text, old, url)
				}
			}
		})
		if err != nil {
			return fmt.Errorf("setting the addresses of client %s: %w", client, err)
		}
	}
	return nil
}
