package extension

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// Factory makes the parts of one kind of extension. It is made by Define.
type Factory struct {
	// Kind is the `kind:` in the configuration, lower_snake_case.
	Kind string
	// Open decodes the `config:` block and opens the extension. decode fills a
	// value that already holds the defaults, strictly: unknown and double keys
	// are errors with path and line. Open returns the decoder's error as it is.
	Open func(ctx context.Context, host Host, decode func(into any) error) (Parts, error)
	// Check validates the `config:` block alone, without any side effect.
	Check func(decode func(into any) error) error
	// Files returns the files that a valid `config:` block names, see Filer;
	// may be nil.
	Files func(decode func(into any) error) []string
	// Read reads what a valid `config:` block names, see Reader; may be nil.
	Read func(decode func(into any) error) error
	// Warnings returns what is allowed in a valid `config:` block and still
	// deserves a second thought, see Warner; may be nil.
	Warnings func(decode func(into any) error) []string
	// Place is where in a flow the step may stand.
	Place flow.Place
	// Flows are those in which the step may stand; nil = every one. A step that
	// asks about an account is for none in which there may not be one yet.
	Flows []flow.Name
}

// Validator is implemented by a configuration that has rules beyond its types.
type Validator interface {
	// Validate returns all that is wrong (errors.Join), without side effects.
	Validate() error
}

// Filer is implemented by a configuration that names files which must be there
// at the start, so that `schleuse check` looks for them.
type Filer interface {
	// Files returns their paths; an empty one is none.
	Files() []string
}

// Reader is implemented by a configuration that names what Open reads.
type Reader interface {
	// Read reads it as Open does, without side effects, and returns what Open
	// would refuse: `schleuse check` says it before `serve` does.
	Read() error
}

// Warner is implemented by a configuration in which something is allowed that
// deserves a second thought: `schleuse check` and the log at the start say it.
type Warner interface {
	// Warnings returns a sentence each, which names the key.
	Warnings() []string
}

// Define makes a Factory. defaults returns a configuration with its default
// values; open gets it filled and validated.
func Define[C any](kind string, defaults func() C, open func(context.Context, Host, C) (Parts, error)) Factory {
	load := func(decode func(any) error) (C, error) {
		c := defaults()
		if err := decode(&c); err != nil {
			return c, err
		}
		if v, ok := any(c).(Validator); ok {
			return c, v.Validate()
		}
		return c, nil
	}
	return Factory{
		Kind: kind,
		Check: func(decode func(any) error) error {
			_, err := load(decode)
			return err
		},
		Files: func(decode func(any) error) []string {
			c, err := load(decode)
			if f, ok := any(c).(Filer); ok && err == nil {
				return f.Files()
			}
			return nil
		},
		Read: func(decode func(any) error) error {
			c, err := load(decode)
			if r, ok := any(c).(Reader); ok && err == nil {
				return r.Read()
			}
			return nil
		},
		Warnings: func(decode func(any) error) []string {
			c, err := load(decode)
			if w, ok := any(c).(Warner); ok && err == nil {
				return w.Warnings()
			}
			return nil
		},
		Open: func(ctx context.Context, host Host, decode func(any) error) (Parts, error) {
			c, err := load(decode)
			if err != nil {
				return Parts{}, err
			}
			return open(ctx, host, c)
		},
	}
}

// Parts is what an extension contributes. Absent parts are zero.
type Parts struct {
	Step flow.Step
	// Offer describes the step on the choice page. It has no side effect and
	// costs nothing. Absent: the step is always available.
	Offer     func(context.Context, *flow.Attempt) (flow.Offer, error)
	Directory member.Directory
	Notifier  notify.Notifier
	Pusher    notify.Pusher
	Public    http.Handler                // below /schleuse/x/NAME/ on the gate's host; the prefix is stripped
	Internal  http.Handler                // below /x/NAME/ on the internal port; the prefix is stripped
	Run       func(context.Context) error // runs until ctx ends; an error stops the program
	Ready     func(context.Context) error // nil = ready; must answer within 1 s
	Close     func() error
	Pages     fs.FS // NAME.html: html/template files that define "main" (see internal/web)
	Messages  fs.FS // de.json, en.json: catalogue of key → text
}

// Host is all that an extension may use. Every field is set.
type Host struct {
	Name     string // the extension's name in the configuration
	Log      *slog.Logger
	Now      func() time.Time
	Accounts account.Accounts
	Members  member.Directory // answers member.ErrUnavailable where none is configured
	Records  Records
	Counters Counters
	Outbox   Outbox
	Notify   notify.Sender
	// Approvals asks people to confirm something on a phone of theirs.
	Approvals approval.Asker
	Audit     audit.Log
	// Flows are the flows that are configured.
	Flows []flow.Name
	// Base is the address of the extension's Public handler as browsers and
	// services see it, without a slash at the end.
	Base *url.URL
	// Return hands what a browser brought back from a remote service to the
	// attempt that sent it away: this extension's step is resumed with Input
	// Returned and the request's form, and the browser is sent to the
	// attempt's page. It returns false, and has written nothing, when the
	// browser is not that attempt's.
	Return func(w http.ResponseWriter, r *http.Request, id flow.AttemptID) (ours bool)
	// Render shows a page of the extension outside any attempt, with this status.
	Render func(w http.ResponseWriter, r *http.Request, status int, v flow.View)
	// Hash is a keyed one-way image of data for look-ups (key `index`). The
	// purpose separates domains; parts are length-prefixed.
	Hash func(purpose string, data ...[]byte) []byte
	// Help is what a person can do who gets no further: the operator's phone
	// number, may be empty.
	Help string
}
