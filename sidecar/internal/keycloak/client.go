package keycloak

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go"
	"github.com/go-resty/resty/v2"
	"golang.org/x/sync/singleflight"

	"github.com/schleuse/schleuse/sidecar/account"
)

// Deadline bounds every call, retries and a token's renewal included.
const Deadline = 5 * time.Second

// maxAnswer is the largest answer that is read, in bytes. A list of 100
// authenticators or 1000 sessions is far below it.
const maxAnswer = 4 << 20

// Client implements account.Accounts. It is made as a struct literal; its
// fields do not change afterwards. It is safe for concurrent use.
type Client struct {
	URL      *url.URL // Keycloak's own address with the relative path, such as http://keycloak:8080/auth
	Realm    string
	ClientID string
	Secret   func() (string, error) // read at every renewal of the token, so that a rotated one is found
	Role     string                 // the realm role of the identified
	Exempt   []string               // realm roles of people whom the gate leaves alone
	HTTP     http.RoundTripper      // see Transport; redirects are never followed
	Now      func() time.Time
	Log      *slog.Logger // told when Keycloak stops answering and when it answers again; nil = nobody

	once    sync.Once
	api     *gocloak.GoCloak
	reads   failsafe.Executor[any]
	writes  failsafe.Executor[any]
	renewal singleflight.Group
	token   atomic.Pointer[token]
	success atomic.Int64 // LastSuccess, Unix nanoseconds; 0 = never
}

var _ account.Accounts = (*Client)(nil)

// connect builds what hangs on the fields, once.
func (c *Client) connect() {
	c.once.Do(func() {
		client := &http.Client{
			Transport: catching{c.HTTP},
			// A redirect would carry the token elsewhere, or end at a page that
			// is no answer of the Admin API.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		rest := resty.NewWithClient(client).SetResponseBodyLimit(maxAnswer).SetDisableWarn(true).SetLogger(silent{}).OnAfterResponse(intelligible)
		c.api = gocloak.NewClient(strings.TrimRight(c.URL.String(), "/"))
		c.api.SetRestyClient(rest)
		c.reads, c.writes = c.policies()
	})
}

// LastSuccess returns when the Admin API last answered a call of this client
// with sense; the zero time when it never did.
func (c *Client) LastSuccess() time.Time {
	if n := c.success.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Ping asks the Admin API for the service account's own roles: the very kind
// of call that a clearance needs, on an account that is nobody's.
func (c *Client) Ping(ctx context.Context) error {
	return c.read(ctx, "asking for the own roles", func(ctx context.Context, t *token) error {
		_, err := c.api.GetRealmRolesByUserID(ctx, t.access, c.Realm, t.subject)
		return err
	})
}

// admin returns the URL of a place of the realm's Admin API.
func (c *Client) admin(segments ...string) string {
	return c.URL.JoinPath(append([]string{"admin", "realms", c.Realm}, segments...)...).String()
}

// silent keeps resty from logging: its messages hold URLs, and those hold user names.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
