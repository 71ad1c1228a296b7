package devicetest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/account/accounttest"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/notify"
)

// The person of a Bench, and what she signs in with.
const (
	Erika    account.ID  = "erika-1"
	Number   member.KVNR = "A123456780"
	Client               = "kundenapp"
	Password             = "Deich-Tulpe"
	PIN                  = "471902"
	Audience             = "https://login.kasse.example/schleuse/device/v1"
)

// Params are those of a hash that costs nothing.
func Params() *argon2id.Params {
	return &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}
}

// Bench is a Service over doubles in memory, with one person who is cleared
// and signed in.
type Bench struct {
	*device.Service
	Phones  *Store
	Realm   *accounttest.Realm
	Entries *audittest.Log
	Told    *Notices
	Queued  *Tasks // by the service
	News    *Tasks // by the store of phones
	Pushed  *Pushes
	Waiting *Overtaken
	Keys    *Keys
	Session account.SID // hers
	// Next is the key that Permit is for, and that Register gives its phone.
	Next *ecdsa.PrivateKey

	mu     sync.Mutex
	now    time.Time
	events []device.Event
}

// NewBench returns a Bench that begins at that time.
func NewBench(now time.Time) *Bench {
	b := &Bench{
		now: now, Keys: NewKeys(), Told: &Notices{}, Pushed: &Pushes{}, Queued: &Tasks{}, News: &Tasks{}, Waiting: &Overtaken{},
		Realm: accounttest.New(account.Account{ID: Erika, Username: Number.Username(), Enabled: true}),
	}
	if err := b.Realm.Grant(context.Background(), Erika); err != nil {
		panic(err)
	}
	b.Session, b.Next = b.Realm.SignIn(Erika), NewKey()
	b.Phones, b.Entries = &Store{Now: b.Clock, News: b.News}, &audittest.Log{Now: b.Clock}
	b.Service = &device.Service{
		Store: b.Phones, Permits: b.Phones, Hasher: &device.Hasher{Peppers: b.Keys, Params: Params()}, Opener: b.Keys, Seals: b.Keys,
		Accounts: b.Realm, Audit: b.Entries, Notify: b.Told, Tasks: b.Queued, Overtaker: b.Waiting, Pusher: b.Pushed, Meter: b.meter,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: b.Clock, Settings: device.Defaults(), Audience: Audience,
	}
	return b
}

// Clock is the time.
func (b *Bench) Clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Pass moves the time.
func (b *Bench) Pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *Bench) meter(e device.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

// Events returns what was counted.
func (b *Bench) Events() []device.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// Caller is the person, signed in.
func (b *Bench) Caller() device.Caller {
	return device.Caller{Account: Erika, Session: b.Session, Client: Client}
}

// Permit gives a permit for the next phone, that rests on these kinds of proof.
func (b *Bench) Permit(ctx context.Context, kinds ...string) error {
	return b.PermitFor(ctx, Public(b.Next), kinds...)
}

// PermitFor gives a permit for the phone with this key.
func (b *Bench) PermitFor(ctx context.Context, key device.Key, kinds ...string) error {
	now := b.Clock()
	return b.Permits.Give(ctx, device.Permit{
		Session: b.Session, Client: Client, Account: Erika, Number: Number, Thumbprint: key.Thumbprint(),
		Kinds: kinds, Proof: string(device.NewID()), Given: now, Expires: now.Add(device.PermitLife),
	})
}

// Register registers a phone as an app does, with the permit that is there.
func (b *Bench) Register(ctx context.Context) (Phone, error) {
	p := Phone{Key: b.Next}
	t, err := b.Begin(ctx, b.Caller(), Public(p.Key), "")
	if err != nil {
		return p, err
	}
	p.ID = t.Device
	m := p.Message(device.Registration, p.Registration(t.Text))
	_, err = b.Enrol(ctx, b.Caller(), Public(p.Key), device.Enrolment{Registration: m, NewPassword: b.Keys.Secret(m, device.ForNewPassword, Password)})
	if err == nil {
		b.Next = NewKey()
	}
	return p, err
}

// Kinds delivers what people must be told of their phones, and returns the kinds
// of all that was sent.
func (b *Bench) Kinds(ctx context.Context) []notify.Kind {
	for _, task := range b.News.All() {
		if err := b.Carry(ctx, task.Body); err != nil {
			break
		}
	}
	return b.Told.Kinds()
}

// Order is an order of a phone; with is a further key, or nil.
func (p Phone) Order(aim device.Aim, with device.Key) map[string]any {
	out := map[string]any{"v": 1, "aud": Audience, "sub": string(p.ID), "purpose": string(aim), "nonce": "bm9uY2U", "iat": 1796119200}
	if with != "" {
		out["jwk"] = jwkOf(with)
	}
	return out
}

// Registration is the payload of a phone's first word.
func (p Phone) Registration(ticket string) map[string]any {
	return map[string]any{
		"v": 1, "aud": Audience, "sub": string(p.ID), "ticket": ticket, "jwk": jwkOf(Public(p.Key)),
		"name": "Telefon von Erika", "platform": "android", "iat": 1796119200,
	}
}

// Notices is a notify.Sender that keeps what it is given, once.
type Notices struct {
	mu   sync.Mutex
	sent []notify.Notice
	err  error
}

// Send implements notify.Sender.
func (n *Notices) Send(_ context.Context, notice notify.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	if err := notice.Validate(); err != nil {
		return err
	}
	if !slices.ContainsFunc(n.sent, func(s notify.Notice) bool { return s.Kind == notice.Kind && s.ID == notice.ID }) {
		n.sent = append(n.sent, notice)
	}
	return nil
}

// FailWith makes Send fail; nil mends it.
func (n *Notices) FailWith(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// Kinds returns the kinds of what was sent.
func (n *Notices) Kinds() []notify.Kind {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []notify.Kind
	for _, s := range n.sent {
		out = append(out, s.Kind)
	}
	return out
}

// Tasks is a device.Tasks that keeps what it is given, once per key.
type Tasks struct {
	mu     sync.Mutex
	queued []device.Task
	taken  int
	err    error
}

// Queue implements device.Tasks.
func (q *Tasks) Queue(_ context.Context, t device.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if t.Keep <= 0 || t.Account == "" || t.Number == "" {
		return errors.New("a task of nobody or for no time")
	}
	if !slices.ContainsFunc(q.queued, func(o device.Task) bool { return o.Key == t.Key }) {
		q.queued = append(q.queued, t)
	}
	return nil
}

// FailWith makes Queue fail; nil mends it.
func (q *Tasks) FailWith(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

// Take returns what was queued since it was called last.
func (q *Tasks) Take() []device.Task {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.queued[q.taken:]
	q.taken = len(q.queued)
	return out
}

// All returns what was queued.
func (q *Tasks) All() []device.Task {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.queued)
}

// Overtaken is a device.Overtaker that counts its calls and their ends.
type Overtaken struct {
	mu    sync.Mutex
	times map[member.KVNR]int
	err   error
}

// Overtake implements device.Overtaker.
func (o *Overtaken) Overtake(_ context.Context, number member.KVNR) (done func(context.Context) error, err error) {
	count := func(context.Context) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err != nil {
			return o.err
		}
		if o.times == nil {
			o.times = map[member.KVNR]int{}
		}
		o.times[number]++
		return nil
	}
	return count, count(context.Background())
}

// FailWith makes Overtake fail; nil mends it.
func (o *Overtaken) FailWith(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

// Times is how many calls and ends there were for this number.
func (o *Overtaken) Times(number member.KVNR) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.times[number]
}

// Pushes is a notify.Pusher that keeps what it is given.
type Pushes struct {
	mu   sync.Mutex
	sent []notify.Push
	gone map[string]bool
}

// Push implements notify.Pusher.
func (p *Pushes) Push(_ context.Context, push notify.Push) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone[push.Token] {
		return notify.ErrTokenGone
	}
	p.sent = append(p.sent, push)
	return nil
}

// Gone makes a token one that will never work again.
func (p *Pushes) Gone(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone == nil {
		p.gone = map[string]bool{}
	}
	p.gone[token] = true
}

// Sent returns the tokens to which was pushed, sorted.
func (p *Pushes) Sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, s := range p.sent {
		out = append(out, s.Token)
	}
	slices.Sort(out)
	return out
}
