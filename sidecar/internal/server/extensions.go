package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/notices"
	"github.com/schleuse/schleuse/sidecar/internal/web"
	"github.com/schleuse/schleuse/sidecar/member"
)

// membersName is the name under which the configured member directory runs.
const membersName = "members"

// opened is an extension at work.
type opened struct {
	name string
	kind string
	extension.Parts
}

// opener opens extensions with one host as the pattern for all.
type opener struct {
	factories []extension.Factory
	host      func(name string) extension.Host
}

// open opens the member directory first, since the others use it, then the
// notifiers, then the rest in the order of their names. On an error what is open is closed again.
func (o opener) open(ctx context.Context, cfg *config.Config) (list []opened, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(list))
		}
	}()
	members := member.Directory(noMembers{})
	if cfg.Members != nil {
		x, err := o.one(ctx, membersName, *cfg.Members, members)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if x.Directory == nil {
			return list, fmt.Errorf("members: kind %s is no directory of members", x.kind)
		}
		members = x.Directory
	}
	for _, n := range cfg.Notifiers {
		x, err := o.one(ctx, n.Called(), n.Extension(), members)
		if err != nil {
			return list, err
		}
		list = append(list, x)
		if x.Notifier == nil && x.Pusher == nil {
			return list, fmt.Errorf("notifiers: kind %s is no channel to people or phones", x.kind)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Extensions)) {
		x, err := o.one(ctx, name, cfg.Extensions[name], members)
		if err != nil {
			return list, err
		}
		list = append(list, x)
	}
	return list, nil
}

func (o opener) one(ctx context.Context, name string, c config.Extension, members member.Directory) (opened, error) {
	factory, err := find(o.factories, c.Kind)
	if err != nil {
		return opened{}, fmt.Errorf("extension %s: %w", name, err)
	}
	host := o.host(name)
	host.Members = members
	parts, err := factory.Open(ctx, host, c.Config.Decode)
	if err != nil {
		return opened{}, fmt.Errorf("opening extension %s: %w", name, err)
	}
	return opened{name: name, kind: c.Kind, Parts: parts}, nil
}

func find(factories []extension.Factory, kind string) (extension.Factory, error) {
	kinds := make([]string, 0, len(factories))
	for _, f := range factories {
		if f.Kind == kind {
			return f, nil
		}
		kinds = append(kinds, f.Kind)
	}
	return extension.Factory{}, fmt.Errorf("no kind %q in this program; it has %s",
		kind, cmp.Or(strings.Join(kinds, ", "), "none"))
}

// Warnings returns what is allowed in the configuration, and in those of its
// extensions, and still deserves a second thought.
func Warnings(cfg *config.Config, factories []extension.Factory) []string {
	out := cfg.Warnings()
	cfg.EachExtension(func(key string, e config.Extension) {
		f, err := find(factories, e.Kind)
		if err != nil || f.Warnings == nil {
			return
		}
		for _, w := range f.Warnings(e.Config.Decode) {
			out = append(out, key+": "+w)
		}
	})
	return out
}

func closeAll(list []opened) error {
	var errs []error
	for _, x := range slices.Backward(list) {
		if x.Close != nil {
			errs = append(errs, x.Close())
		}
	}
	return errors.Join(errs...)
}

// chambers are the steps among the extensions.
func chambers(list []opened) map[flow.StepName]flow.Chamber {
	out := make(map[flow.StepName]flow.Chamber, len(list))
	for _, x := range list {
		if x.Step != nil {
			name := flow.StepName(x.name)
			out[name] = flow.Chamber{Name: name, Kind: x.kind, Step: x.Step, Offer: x.Offer}
		}
	}
	return out
}

// noMembers is the directory of an operator who has configured none.
type noMembers struct{}

// Find always says that nothing could be asked.
func (noMembers) Find(context.Context, member.KVNR) (member.Member, error) {
	return member.Member{}, fmt.Errorf("%w: no `members` section in the configuration", member.ErrUnavailable)
}

func (h *house) openExtensions(ctx context.Context) error {
	list, err := opener{factories: h.Factories, host: h.host}.open(ctx, h.Config)
	h.extensions = list
	for _, x := range list {
		if x.Notifier != nil {
			h.notices.Channels = append(h.notices.Channels, notices.Channel{
				Name: x.name, Notifier: x.Notifier, Outbox: h.store.Outbox("notices/" + x.name),
			})
		}
	}
	return err
}

// host is what one extension may use. The gate and the pages are built from
// the extensions: they are there when the first request is.
func (h *house) host(name string) extension.Host {
	return extension.Host{
		Name:      name,
		Log:       h.Log.With("extension", name),
		Now:       h.Now,
		Accounts:  h.keycloak,
		Records:   h.store.Records(name),
		Counters:  h.store.Counters(name),
		Outbox:    h.store.Outbox(name),
		Notify:    &h.notices,
		Approvals: h.asker(),
		Audit:     h.store.Audit(),
		Flows:     h.Config.FlowNames(),
		Base:      h.base(name),
		Return: func(w http.ResponseWriter, r *http.Request, id flow.AttemptID) bool {
			return h.returned(w, r, flow.StepName(name), id)
		},
		Render: func(w http.ResponseWriter, r *http.Request, status int, v flow.View) {
			h.pages.Render(w, r, pageOf(name, r, status, v))
		},
		Hash: func(purpose string, data ...[]byte) []byte {
			return h.ring.MAC(keyring.Index, name+"."+purpose, data...)
		},
		Help: h.Config.Brand.HelpPhone,
	}
}

// base is where an extension's Public handler is reached from outside. It is
// empty without a gate, where no extension is.
func (h *house) base(name string) *url.URL {
	if h.Config.Gate == nil {
		return &url.URL{}
	}
	u := h.Config.Gate.PublicURL.Pointer()
	u.Path = gate.PublicPath(name)
	return u
}

// pageOf is an extension's page outside any attempt. Its address may hold what
// is used up by looking, so that only a plain one is asked for again.
func pageOf(name string, r *http.Request, status int, v flow.View) web.Page {
	return web.Page{
		Set: name, Name: v.Page, Data: v.Data, Problems: v.Problems, Refresh: v.Refresh, Status: status,
		Back: gate.PublicPath(name) + r.URL.Path, Fixed: r.Method != http.MethodGet || r.URL.RawQuery != "",
	}
}
