package browser

import (
	"fmt"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Offline takes the network from the tab, or gives it back. What was sent
// before may still be answered.
func (t *Tab) Offline(offline bool) error {
	conditions := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{}}
	if offline {
		conditions.MatchedNetworkConditions = []*network.Conditions{{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}}
	}
	if _, err := chromedp.Call(t.ctx, network.EmulateNetworkConditionsByRule, conditions); err != nil {
		return fmt.Errorf("taking the network away: %w", err)
	}
	state := network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}
	if _, err := chromedp.Call(t.ctx, network.OverrideNetworkState, state); err != nil {
		return fmt.Errorf("telling the tab about its network: %w", err)
	}
	return nil
}

// Reader is what looks at a finger or a face (WebAuthn, built into the device).
type Reader struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Reader gives the tab's device a reader. It knows everybody until Knows says
// otherwise. Without prf it gives no secret to the page.
func (t *Tab) Reader(prf bool) (*Reader, error) {
	if _, err := chromedp.Call(t.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return nil, fmt.Errorf("giving the device a reader: %w", err)
	}
	made, err := chromedp.Call(t.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, HasPrf: prf, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("giving the device a reader: %w", err)
	}
	return &Reader{t, made.AuthenticatorID}, nil
}

// Knows says whether the reader knows whoever shows a finger. After a foreign
// one it is blocked for good.
func (r *Reader) Knows(known bool) error {
	_, err := chromedp.Call(r.tab.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: r.id, IsUserVerified: known})
	return err
}

// Forget removes what pages have left at the reader.
func (r *Reader) Forget() error {
	_, err := chromedp.Call(r.tab.ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: r.id})
	return err
}
