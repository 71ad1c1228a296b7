package password

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

const kind = "password"

// changeTime bounds a change. It outlives the request that caused it, and ends
// before the change counts as interrupted.
const changeTime = underWay - 2*time.Second

type step struct {
	host   extension.Host
	config Config
	debts  debts
}

// passwordData is shown by the page "password".
type passwordData struct {
	New   bool // an account is made; else one that exists gets a password
	Rules []rule
}

var errNobody = errors.New("a password is asked for before anybody is identified: it stands at the end of a flow")

// situation is what there is for a number.
type situation struct {
	account account.Account // zero = none
	debt    debt
	version int64  // of the debt
	closed  string // why there is no way on; "" = there is
}

// Begin implements flow.Step.
func (s *step) Begin(ctx context.Context, a *flow.Attempt) (flow.Outcome, error) {
	at, err := s.look(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case at.closed != "":
		return flow.Deny("denied." + at.closed), nil
	case at.finished(a):
		return s.through(ctx, a, at.debt)
	}
	return s.ask(at), nil
}

// Resume implements flow.Step.
func (s *step) Resume(ctx context.Context, a *flow.Attempt, in flow.Input) (flow.Outcome, error) {
	at, err := s.look(ctx, a)
	switch {
	case err != nil:
		return later(err)
	case at.closed != "":
		return flow.Deny("denied." + at.closed), nil
	case at.finished(a):
		return s.through(ctx, a, at.debt)
	}
	password := in.Only("password")
	if problems := s.config.check(password, in.Only("again"), a.Number); problems != nil {
		return s.ask(at, problems...), nil
	}
	if at.debt.busy(s.host.Now()) {
		return s.ask(at, flow.Problem{Key: "problem.busy"}), nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTime)
	defer cancel()
	return s.change(ctx, a, at, password)
}

// finished reports whether this very attempt has made its change already.
func (at situation) finished(a *flow.Attempt) bool {
	return at.debt.Done && at.debt.Attempt == a.ID && at.debt.Account == at.account.ID && at.account.ID != ""
}

// ours reports whether the account is the one that this attempt was making
// when it was interrupted.
func (at situation) ours(a *flow.Attempt) bool {
	return at.debt.Attempt == a.ID && at.debt.made(at.account)
}

// look finds out what there is for the number, and whether this flow may
// change it.
func (s *step) look(ctx context.Context, a *flow.Attempt) (situation, error) {
	if a.ID == "" || a.Number == "" || len(a.Kinds) == 0 {
		return situation{}, errNobody
	}
	var at situation
	var err error
	if at.debt, at.version, err = s.debts.of(ctx, a.Number); err != nil {
		return at, err
	}
	at.account, err = s.host.Accounts.Find(ctx, a.Number)
	if errors.Is(err, account.ErrNotFound) {
		err = nil
	}
	if err != nil || at.finished(a) || at.ours(a) {
		return at, err
	}
	if at.closed, err = s.standing(ctx, a); err != nil || at.closed != "" || at.account.ID == "" {
		return at, err
	}
	at.closed, err = s.existing(ctx, a, at.account)
	return at, err
}

// standing says why the person may have no account: between identification and
// password their membership may have changed.
func (s *step) standing(ctx context.Context, a *flow.Attempt) (string, error) {
	m, err := s.host.Members.Find(ctx, a.Number)
	if errors.Is(err, member.ErrNotFound) {
		return member.StandingUnknown.Refusal(), nil
	}
	return m.Standing(s.host.Now(), s.config.FromAge).Refusal(), err
}

// existing says why this flow may not change an account that is there.
func (s *step) existing(ctx context.Context, a *flow.Attempt, acc account.Account) (string, error) {
	person, err := s.host.Accounts.Clearance(ctx, acc.ID)
	switch {
	case err != nil:
		return "", err
	case person == account.Exempt:
		return "exempt", nil
	case !acc.Enabled:
		return "disabled", nil
	case a.Flow == flow.Registration && s.config.Existing != Recover:
		return "exists", nil
	}
	return "", nil
}

func (s *step) ask(at situation, problems ...flow.Problem) flow.Outcome {
	data := passwordData{New: at.account.ID == "" || at.debt.Made && !at.debt.Done, Rules: s.config.rules()}
	return flow.Show(flow.View{Page: "password", Data: data, Problems: problems})
}

// change makes the account, or gives it its password. What is owed is stored
// and its follow-up queued first.
func (s *step) change(ctx context.Context, a *flow.Attempt, at situation, password string) (flow.Outcome, error) {
	d := debt{
		Attempt: a.ID, Begun: s.host.Now(), Note: a.Evidence,
		Made: at.account.ID == "" || at.ours(a), Account: at.account.ID,
	}
	err := s.debts.put(ctx, a.Number, at.version, d)
	if errors.Is(err, extension.ErrStale) { // another tab was faster
		return s.ask(at, flow.Problem{Key: "problem.busy"}), nil
	}
	if err == nil {
		err = s.queue(ctx, a)
	}
	if err != nil {
		return later(err)
	}
	d.Account, err = s.carryOut(ctx, a, at, password)
	if err != nil {
		return s.failed(ctx, a, at, err)
	}
	d.Done = true
	if err := s.finish(ctx, a, d); err != nil {
		return later(err)
	}
	return s.through(ctx, a, d)
}

// through tells the person, and is done. Whoever comes again is told once.
func (s *step) through(ctx context.Context, a *flow.Attempt, d debt) (flow.Outcome, error) {
	if err := s.tell(ctx, a.Number, d); err != nil {
		return later(err)
	}
	return flow.Done(s.proof(d.Account, d)), nil
}

// finish makes it durable that the password is this person's.
func (s *step) finish(ctx context.Context, a *flow.Attempt, d debt) error {
	now, version, err := s.debts.of(ctx, a.Number)
	if err == nil && now.Attempt != a.ID {
		err = extension.ErrStale
	}
	if err == nil {
		err = s.debts.put(ctx, a.Number, version, d)
	}
	return err
}

// failed says why nothing was changed, or "later" where that is not known.
func (s *step) failed(ctx context.Context, a *flow.Attempt, at situation, err error) (flow.Outcome, error) {
	problem, refused := refusal(err)
	switch {
	case refused:
	case errors.Is(err, account.ErrExists), errors.Is(err, account.ErrExempt), errors.Is(err, account.ErrNotFound):
		problem = flow.Problem{Key: "problem.moved"}
	default:
		return later(err)
	}
	if err := s.restore(ctx, a, at); err != nil {
		return later(err)
	}
	return s.ask(at, problem), nil
}

// restore brings back what was owed before a change that came to nothing: a
// change that was interrupted earlier may have done its work, and its follow-up
// waits.
func (s *step) restore(ctx context.Context, a *flow.Attempt, at situation) error {
	now, version, err := s.debts.of(ctx, a.Number)
	switch {
	case err != nil || now.Attempt != a.ID:
		return err
	case at.debt.interrupted(s.host.Now()):
		return s.debts.put(ctx, a.Number, version, at.debt)
	}
	return s.debts.drop(ctx, a.Number, a.ID)
}

// person is what the master data know of somebody, for a new account.
func (s *step) person(ctx context.Context, a *flow.Attempt, password string) (account.New, error) {
	m, err := s.host.Members.Find(ctx, a.Number)
	return account.New{Number: a.Number, Given: m.Given, Surname: m.Surname, Mail: m.Mail, Password: password}, err
}

// later says that nothing is concluded, and nothing lost.
func later(err error) (flow.Outcome, error) {
	return flow.Outcome{}, fault.New(fault.Unavailable, "later", fmt.Errorf("choosing a password: %w", err))
}
