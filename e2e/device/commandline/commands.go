package commandline

import (
	"context"

	"github.com/schleuse/schleuse/e2e/device"
)

// argument says whether a command has an ID behind it.
type argument int

const (
	none argument = iota
	optional
	required
)

// command is one thing that the phone does. Its result becomes JSON.
type command struct {
	name, about string
	id          argument
	do          func(context.Context, *device.Phone, *options) (any, error)
}

func commands() []command {
	return []command{
		{"key", "make a key for a new phone (--base), and say what the login is to be asked with", none, key},
		{"proof", "make the DPoP header with which the login's code is redeemed (--url)", none, proof},
		{"enrol", "register this phone (--token, --password, --name; --replaces another)", none, enrol},
		{"unlock", "give it another device password after a login (--token, --new)", none, unlock},
		{"self", "what the server knows of this phone", none, self},
		{"pin", "set the app's PIN (--password, --new)", none, setPIN},
		{"passwd", "change the device password (--password, --new)", none, passwd},
		{"biometric", "register a biometric key (--password); it then opens instead of --pin", none, biometric},
		{"push", "say where the phone is woken (--channel, --push-token)", none, push},
		{"inbox", "what waits (--wait, --mark; with --pin also its titles)", none, inbox},
		{"show", "open, check and show a request (--pin)", required, show},
		{"approve", "confirm it (--pin, --password, --code)", required, approve},
		{"deny", "refuse it (--pin, --reason)", required, deny},
		{"report", "refuse it: that was not me (--pin)", required, report},
		{"login-password", "set a login password after a report (--pin, --password, --new)", none, loginPassword},
		{"history", "what was asked (--pin, --limit, --before)", none, history},
		{"list", "the person's phones (--pin)", none, list},
		{"rename", "name a phone (--pin, --name)", optional, rename},
		{"block", "take a phone out of use for good; without ID this one", optional, block},
		{"rotate", "replace the device key (--password), or end a rotation that was cut off", none, rotate},
	}
}

// open opens the app when there is something to open it with.
func open(ctx context.Context, p *device.Phone, o *options) error {
	switch {
	case o.pin != "":
		return p.OpenByPIN(ctx, o.pin)
	case p.Biometric != nil:
		return p.OpenByBiometric(ctx)
	}
	return nil
}

func key(_ context.Context, p *device.Phone, _ *options) (any, error) { return p.Asks(), nil }

func proof(_ context.Context, p *device.Phone, o *options) (any, error) {
	made, err := p.ProvesTo(o.url)
	return map[string]string{"dpop": made}, err
}

func enrol(ctx context.Context, p *device.Phone, o *options) (any, error) {
	return p.Replace(ctx, o.token, o.replaces, device.Owned{Name: o.name, Platform: o.platform, Password: o.password})
}

func unlock(ctx context.Context, p *device.Phone, o *options) (any, error) {
	return p.Unlock(ctx, o.token, o.next)
}

func self(ctx context.Context, p *device.Phone, _ *options) (any, error) { return p.Self(ctx) }

func setPIN(ctx context.Context, p *device.Phone, o *options) (any, error) {
	return nil, p.SetPIN(ctx, o.password, o.next)
}

func passwd(ctx context.Context, p *device.Phone, o *options) (any, error) {
	return nil, p.SetPassword(ctx, o.password, o.next)
}

func biometric(ctx context.Context, p *device.Phone, o *options) (any, error) {
	key, err := device.NewKey()
	if err != nil {
		return nil, err
	}
	return nil, p.SetBiometric(ctx, key, o.password)
}

func push(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if o.pushToken == "" {
		return nil, p.ForgetPush(ctx)
	}
	return nil, p.RegisterPush(ctx, o.channel, o.pushToken)
}

func inbox(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if err := open(ctx, p, o); err != nil {
		return nil, err
	}
	return p.Inbox(ctx, o.wait, o.mark)
}

func request(ctx context.Context, p *device.Phone, o *options) (device.Request, error) {
	if err := open(ctx, p, o); err != nil {
		return device.Request{}, err
	}
	return p.Request(ctx, o.id)
}

func show(ctx context.Context, p *device.Phone, o *options) (any, error) { return request(ctx, p, o) }

func approve(ctx context.Context, p *device.Phone, o *options) (any, error) {
	r, err := request(ctx, p, o)
	if err != nil {
		return nil, err
	}
	return p.Approve(ctx, r, o.code, o.password)
}

func deny(ctx context.Context, p *device.Phone, o *options) (any, error) {
	r, err := request(ctx, p, o)
	if err != nil {
		return nil, err
	}
	return p.Deny(ctx, r, o.reason)
}

func report(ctx context.Context, p *device.Phone, o *options) (any, error) {
	o.reason = "not_me"
	return deny(ctx, p, o)
}

func loginPassword(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if err := open(ctx, p, o); err != nil {
		return nil, err
	}
	return nil, p.SetLoginPassword(ctx, o.password, o.next)
}

func history(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if err := open(ctx, p, o); err != nil {
		return nil, err
	}
	return p.History(ctx, o.limit, o.before)
}

func list(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if err := open(ctx, p, o); err != nil {
		return nil, err
	}
	return p.Devices(ctx)
}

// which is the phone that the command names, or this one.
func which(p *device.Phone, o *options) string {
	if o.id == "" {
		return p.ID
	}
	return o.id
}

func rename(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if err := open(ctx, p, o); err != nil {
		return nil, err
	}
	return nil, p.Rename(ctx, which(p, o), o.name)
}

func block(ctx context.Context, p *device.Phone, o *options) (any, error) {
	return nil, p.Block(ctx, which(p, o))
}

func rotate(ctx context.Context, p *device.Phone, o *options) (any, error) {
	if p.Next != nil {
		return nil, p.Settle(ctx)
	}
	return nil, p.RotateKey(ctx, o.password, func() error { return p.Save(o.state) })
}
