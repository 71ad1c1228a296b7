package play

import (
	"net/http"

	"github.com/schleuse/schleuse/e2e/app"
	"github.com/schleuse/schleuse/e2e/stage"
)

// AppJournalFile is where the play's Kunden-App writes down what its backend
// has executed, in the play's folder.
const AppJournalFile = "app.journal"

// App is the Kunden-App of the stage with its backend, which goes to the gate
// by way.
func (p *Play) App(way http.RoundTripper, journal string) (http.Handler, error) {
	gate := p.Ports.GateURL()
	served, err := app.New(app.Settings{
		URL: p.Ports.AppURL(), Issuer: gate + "/realms/" + stage.Realm, Base: gate + "/schleuse/device/v1",
		Devices: gate + "/schleuse/my/devices", Journal: journal,
		HTTP: &http.Client{Transport: way, Timeout: tokenTime}, Approvals: p.approvals(way),
	})
	if err != nil {
		return nil, err
	}
	return p.Noting(served), nil
}
