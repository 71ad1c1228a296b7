package accounttest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// MinPassword is how many characters a password needs in this realm.
const MinPassword = 10

// Realm implements account.Accounts. It is safe for concurrent use.
type Realm struct {
	Now func() time.Time // when accounts are made; nil = time.Now

	mu       sync.Mutex
	people   map[account.ID]*person
	sessions map[account.SID]account.ID
	began    map[account.SID]time.Time
	drawn    int
	broken   map[string]error
	lost     map[string]bool
	calls    []string
	made     []account.New
}

type person struct {
	account.Account
	cleared, exempt bool
	means           []account.Authenticator
	password        string
}

// New returns a realm with these accounts, none of them cleared.
func New(accounts ...account.Account) *Realm {
	r := &Realm{people: map[account.ID]*person{}, sessions: map[account.SID]account.ID{}, began: map[account.SID]time.Time{}, broken: map[string]error{}, lost: map[string]bool{}}
	for _, a := range accounts {
		r.Put(a)
	}
	return r
}

// Put adds an account, or replaces the one with this id.
func (r *Realm) Put(a account.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people[a.ID] = &person{Account: a}
}

// Exempt takes an account out of the gate.
func (r *Realm) Exempt(id account.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people[id].exempt = true
}

// SignIn begins a session of an account.
func (r *Realm) SignIn(id account.ID) account.SID {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drawn++
	sid := account.SID("sid-" + strconv.Itoa(r.drawn))
	r.sessions[sid], r.began[sid] = id, time.Now()
	return sid
}

// Enrol adds an authenticator to an account.
func (r *Realm) Enrol(id account.ID, a account.Authenticator) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people[id].means = append(r.people[id].means, a)
}

// Break makes the call of this name ("Find", "Grant", …; "" = every call)
// return err and change nothing; nil mends it.
func (r *Realm) Break(call string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken[call] = err
}

// Lose lets the next call of this name do its work, but its answer is lost.
// It is for Create and SetPassword.
func (r *Realm) Lose(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost[call] = true
}

// answer is what the caller hears of a call that did its work.
func (r *Realm) answer(call string) error {
	if r.lost[call] {
		delete(r.lost, call)
		return ErrLost
	}
	return nil
}

// ErrLost is the error of a call whose answer is lost.
var ErrLost = errors.New("the answer is lost")

// Made returns the accounts that were made by Create.
func (r *Realm) Made() []account.New {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.made)
}

// Calls returns the names of the calls so far, broken ones included.
func (r *Realm) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Live returns the sessions of an account, sorted.
func (r *Realm) Live(id account.ID) []account.SID {
	r.mu.Lock()
	defer r.mu.Unlock()
	var live []account.SID
	for _, sid := range slices.Sorted(maps.Keys(r.sessions)) {
		if r.sessions[sid] == id {
			live = append(live, sid)
		}
	}
	return live
}

// enter begins a call: with the lock held unless it is broken.
func (r *Realm) enter(ctx context.Context, call string) error {
	r.mu.Lock()
	r.calls = append(r.calls, call)
	for _, err := range []error{ctx.Err(), r.broken[""], r.broken[call]} {
		if err != nil {
			r.mu.Unlock()
			return err
		}
	}
	return nil
}

// Find implements account.Directory.
func (r *Realm) Find(ctx context.Context, number member.KVNR) (account.Account, error) {
	if err := r.enter(ctx, "Find"); err != nil {
		return account.Account{}, err
	}
	defer r.mu.Unlock()
	for _, p := range r.people {
		if p.Is(number) {
			return p.Account, nil
		}
	}
	return account.Account{}, account.ErrNotFound
}

// Get implements account.Directory.
func (r *Realm) Get(ctx context.Context, id account.ID) (account.Account, error) {
	if err := r.enter(ctx, "Get"); err != nil {
		return account.Account{}, err
	}
	defer r.mu.Unlock()
	if p, ok := r.people[id]; ok {
		return p.Account, nil
	}
	return account.Account{}, account.ErrNotFound
}

// Named implements account.Directory. Nobody has a mail address here.
func (r *Realm) Named(ctx context.Context, name string) ([]account.Account, error) {
	if err := r.enter(ctx, "Named"); err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	var found []account.Account
	for _, p := range r.people {
		if strings.EqualFold(p.Username, name) && name != "" {
			found = append(found, p.Account)
		}
	}
	return found, nil
}

// Clearance implements account.Directory.
func (r *Realm) Clearance(ctx context.Context, id account.ID) (account.Clearance, error) {
	if err := r.enter(ctx, "Clearance"); err != nil {
		return account.Unknown, err
	}
	defer r.mu.Unlock()
	switch p, ok := r.people[id]; {
	case ok && p.exempt:
		return account.Exempt, nil
	case ok && p.cleared:
		return account.Cleared, nil
	}
	return account.NotCleared, nil
}

// Grant implements account.Roles.
func (r *Realm) Grant(ctx context.Context, id account.ID) error {
	if err := r.enter(ctx, "Grant"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	p, err := r.changeable(id)
	if err == nil {
		p.cleared = true
	}
	return err
}

// Withdraw implements account.Roles.
func (r *Realm) Withdraw(ctx context.Context, id account.ID) error {
	if err := r.enter(ctx, "Withdraw"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	p, err := r.changeable(id)
	if err == nil {
		p.cleared = false
	}
	return err
}

func (r *Realm) changeable(id account.ID) (*person, error) {
	p, ok := r.people[id]
	switch {
	case !ok:
		return nil, account.ErrNotFound
	case p.exempt:
		return nil, account.ErrExempt
	}
	return p, nil
}

// Alive implements account.Sessions.
func (r *Realm) Alive(ctx context.Context, id account.ID, sid account.SID) (bool, error) {
	if err := r.enter(ctx, "Alive"); err != nil {
		return false, err
	}
	defer r.mu.Unlock()
	owner, ok := r.sessions[sid]
	return ok && owner == id, nil
}

// Began implements account.Sessions: each session began with SignIn.
func (r *Realm) Began(ctx context.Context, id account.ID, sid account.SID) (time.Time, error) {
	if err := r.enter(ctx, "Began"); err != nil {
		return time.Time{}, err
	}
	defer r.mu.Unlock()
	if r.sessions[sid] != id || id == "" {
		return time.Time{}, nil
	}
	return r.began[sid], nil
}

// End implements account.Sessions.
func (r *Realm) End(ctx context.Context, sid account.SID) error {
	if err := r.enter(ctx, "End"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	delete(r.sessions, sid)
	return nil
}

// Authenticators implements account.Authenticators.
func (r *Realm) Authenticators(ctx context.Context, id account.ID) ([]account.Authenticator, error) {
	if err := r.enter(ctx, "Authenticators"); err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	p, ok := r.people[id]
	if !ok {
		return nil, account.ErrNotFound
	}
	return slices.Clone(p.means), nil
}

// RemoveAuthenticator implements account.Authenticators.
func (r *Realm) RemoveAuthenticator(ctx context.Context, id account.ID, authenticator string) error {
	if err := r.enter(ctx, "RemoveAuthenticator"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	p, err := r.changeable(id)
	if err == nil {
		p.means = slices.DeleteFunc(p.means, func(a account.Authenticator) bool { return a.ID == authenticator })
	}
	return err
}

// Create implements account.Passwords.
func (r *Realm) Create(ctx context.Context, n account.New) (account.ID, error) {
	if err := r.enter(ctx, "Create"); err != nil {
		return "", err
	}
	defer r.mu.Unlock()
	for _, p := range r.people {
		if p.Is(n.Number) {
			return "", account.ErrExists
		}
	}
	if err := policy(n.Password); err != nil {
		return "", err
	}
	now := r.Now
	if now == nil {
		now = time.Now
	}
	r.drawn++
	id := account.ID("made-" + strconv.Itoa(r.drawn))
	a := account.Account{ID: id, Username: n.Number.Username(), Enabled: true, Created: now()}
	r.people[id] = &person{Account: a, password: n.Password}
	r.made = append(r.made, n)
	if err := r.answer("Create"); err != nil {
		return "", err
	}
	return id, nil
}

// SetPassword implements account.Passwords.
func (r *Realm) SetPassword(ctx context.Context, id account.ID, password string) error {
	if err := r.enter(ctx, "SetPassword"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	p, err := r.changeable(id)
	if err != nil {
		return err
	}
	if err := policy(password); err != nil {
		return err
	}
	p.password = password
	return r.answer("SetPassword")
}

func policy(password string) error {
	if len([]rune(password)) < MinPassword {
		return &account.PasswordError{Key: "invalidPasswordMinLengthMessage", Numbers: []int{MinPassword}}
	}
	return nil
}

// EndAll implements account.Passwords.
func (r *Realm) EndAll(ctx context.Context, id account.ID) error {
	if err := r.enter(ctx, "EndAll"); err != nil {
		return err
	}
	defer r.mu.Unlock()
	if _, err := r.changeable(id); err != nil {
		return err
	}
	maps.DeleteFunc(r.sessions, func(_ account.SID, owner account.ID) bool { return owner == id })
	return nil
}

// Password returns an account's password, "" when it has none.
func (r *Realm) Password(id account.ID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.people[id]; ok {
		return p.password
	}
	return ""
}
