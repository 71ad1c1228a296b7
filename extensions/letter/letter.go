package letter

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

//go:embed pages/*.html pages/*.js messages/*.json
var files embed.FS

// Config is the `config:` block. The limits are proposals.
type Config struct {
	// Valid is how long a code is taken, from its order. 1 to 120 days.
	Valid time.Duration `yaml:"valid"`
	// Again is how long after an order another letter for the same number and
	// purpose goes out. 1 to 60 days.
	Again time.Duration `yaml:"again"`
	// Outbox is a folder in which orders are laid as files, Webhook a print
	// service that is called; one of the two.
	Outbox  string  `yaml:"outbox"`
	Webhook Webhook `yaml:"webhook"`
	// Tries is how many wrong codes one sign-in or registration bears, until
	// none is taken for Lock, 1 minute to 90 days; and how many one browser
	// brings a day (UTC) before there is one of these. 1 to 20.
	// TriesPerAddress is how many come from one address (IPv6: a /64; a /48
	// bears four times as many) a day (UTC), 1 to 1000.
	Tries           int           `yaml:"tries"`
	TriesPerAddress int           `yaml:"tries_per_address"`
	Lock            time.Duration `yaml:"lock"`
	// OrdersPerAddress is how many letters are ordered from one address
	// (IPv6: a /64; a /48 bears four times as many) a day (UTC), 1 to 1000.
	// LettersPerHour is how many leave in all, 1 to 100,000; more wait, and the
	// log says so.
	OrdersPerAddress int `yaml:"orders_per_address"`
	LettersPerHour   int `yaml:"letters_per_hour"`
	// FromAge is the age in years from which one may have an own account, 0 to
	// 18; 0 leaves it to the status in the master data.
	FromAge int `yaml:"from_age"`
	// Start is where the page of the letter's QR code leads; empty = nowhere.
	Start string `yaml:"start"`
}

const day = 24 * time.Hour

func defaults() Config {
	return Config{
		Valid: 60 * day, Again: 7 * day, Tries: 5, TriesPerAddress: 100, Lock: day,
		OrdersPerAddress: 5, LettersPerHour: 500, FromAge: member.OwnAccountAge,
	}
}

// Files implements extension.Filer.
func (c Config) Files() []string { return []string{c.Webhook.SecretFile, c.Webhook.CAFile} }

// Validate implements extension.Validator.
func (c Config) Validate() error {
	errs := []error{
		extension.Between("valid", c.Valid, day, 120*day),
		extension.Between("again", c.Again, day, 60*day),
		extension.Between("tries", c.Tries, 1, 20),
		extension.Between("tries_per_address", c.TriesPerAddress, 1, 1000),
		extension.Between("lock", c.Lock, time.Minute, 90*day),
		extension.Between("orders_per_address", c.OrdersPerAddress, 1, 1000),
		extension.Between("letters_per_hour", c.LettersPerHour, 1, 100_000),
		extension.Between("from_age", c.FromAge, 0, 18),
	}
	if (c.Outbox == "") == (c.Webhook == Webhook{}) {
		errs = append(errs, errors.New("the letters need a way: either outbox or webhook"))
	}
	if c.Webhook != (Webhook{}) {
		errs = append(errs, c.Webhook.validate())
	}
	if c.Start != "" && !startable(c.Start) {
		errs = append(errs, errors.New("start: no https address"))
	}
	return errors.Join(errs...)
}

// Read implements extension.Reader.
func (c Config) Read() error { return c.way(time.Now).ready() }

// way is how letters reach whoever prints them.
func (c Config) way(now func() time.Time) carrier {
	if c.Outbox == "" {
		return &service{config: c.Webhook, now: now}
	}
	return folder(c.Outbox)
}

// startable reports whether a page of ours may lead there.
func startable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && extension.Private(u)
}

// Factory returns the kind "letter".
func Factory() extension.Factory { return extension.Define("letter", defaults, open) }

func open(_ context.Context, host extension.Host, c Config) (extension.Parts, error) {
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return extension.Parts{}, err
	}
	messages, err := fs.Sub(files, "messages")
	if err != nil {
		return extension.Parts{}, err
	}
	way := c.way(host.Now)
	if err := way.ready(); err != nil {
		return extension.Parts{}, err
	}
	desk := &desk{host: host, config: c, way: way}
	s := &step{desk: desk}
	return extension.Parts{
		Step: s, Offer: s.offer, Notifier: desk, Run: desk.run, Public: codePage(host, c.Start),
		Ready: func(context.Context) error { return way.ready() }, Pages: pages, Messages: messages,
	}, nil
}

// startData is shown by the page "code".
type startData struct{ Start string }

// codePage is where the letter's QR code leads. The code stands behind the #
// of its address and never reaches this program.
func codePage(host extension.Host, start string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /code", func(w http.ResponseWriter, r *http.Request) {
		host.Render(w, r, http.StatusOK, flow.View{Page: "code", Data: startData{start}})
	})
	return mux
}
