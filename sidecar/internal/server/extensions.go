package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
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
// rest in the order of their names. On an error what is open is closed again.
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
	return err
}

// host is what one extension may use.
func (h *house) host(name string) extension.Host {
	return extension.Host{
		Name:     name,
		Log:      h.Log.With("extension", name),
		Now:      h.Now,
		Accounts: h.keycloak,
		Records:  h.store.Records(name),
		Counters: h.store.Counters(name),
		Audit:    h.store.Audit(),
		Hash: func(purpose string, data ...[]byte) []byte {
			return h.ring.MAC(keyring.Index, name+"."+purpose, data...)
		},
		Help: h.Config.Brand.HelpPhone,
	}
}
