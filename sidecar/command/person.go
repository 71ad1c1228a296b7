package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/keycloak"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxReason bounds --reason, in bytes.
const maxReason = 500

func (p program) person() *cobra.Command {
	c := group("person", "Show or erase what is held about a person",
		`What an insured person may ask for: what is held about them (Art. 15 GDPR), and
that it is erased (Art. 17 GDPR). The insurance number is read from standard
input, never from the command line, which other users can see.`,
		p.personShow(), p.personForget())
	c.Args = noArguments
	return c
}

// noArguments refuses arguments without repeating them: one may be a number.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments; the insurance number is read from standard input", c.CommandPath())}
	}
	return nil
}

// inquiry holds the flags of a command about a person, and what it found out.
type inquiry struct {
	configured
	reason, account string

	cfg    *config.Config
	clerk  clerk
	number member.KVNR
}

func (q *inquiry) flags(c *cobra.Command) {
	q.flag(c)
	c.Flags().StringVar(&q.reason, "reason", "", "why, such as the reference of the person's letter; not who (required)")
	c.Flags().StringVar(&q.account, "account", "", "id of an account of the person that Keycloak has no more")
}

// begin checks the command line and reads the number.
func (p program) begin(q *inquiry) error {
	if err := p.beginAlone(q); err != nil {
		return err
	}
	return p.beginAbout(q)
}

// beginAlone checks the command line of what is about nobody in particular.
func (p program) beginAlone(q *inquiry) (err error) {
	if q.reason = strings.TrimSpace(q.reason); q.reason == "" || len(q.reason) > maxReason || strings.ContainsFunc(q.reason, unicode.IsControl) {
		return usageError{fmt.Errorf("say why with --reason, in one line of at most %d bytes", maxReason)}
	}
	if q.cfg, err = q.load(p.factories); err != nil {
		return err
	}
	if namesANumber(q.reason) {
		return usageError{errors.New("--reason names an insurance number: it is kept in the audit, where none may stand")}
	}
	q.clerk, err = p.clerk()
	return err
}

// beginAbout reads whom it is about.
func (p program) beginAbout(q *inquiry) error {
	typed, err := p.prompt("Insurance number (not shown): ")
	if err != nil {
		return fmt.Errorf("reading the insurance number: %w", err)
	}
	if q.number, err = member.ParseKVNR(typed, false); err != nil {
		return usageError{err}
	}
	if _, err := member.ParseKVNR(typed, true); err != nil {
		fmt.Fprintln(p.err, "warning: the number's check digit is wrong; it is taken as it is")
	}
	return nil
}

// namesANumber reports whether a text holds something like a number, however
// it is written: a letter that begins a word and nine digits.
func namesANumber(text string) bool {
	var plain []rune
	var begins []int
	word := false
	for _, r := range text {
		within := unicode.IsLetter(r) || unicode.IsDigit(r)
		if within && !word {
			begins = append(begins, len(plain))
		}
		if word = within; within {
			plain = append(plain, r)
		}
	}
	return slices.ContainsFunc(begins, func(i int) bool {
		_, err := member.ParseKVNR(string(plain[i:min(i+10, len(plain))]), false)
		return err == nil
	})
}

// errKeycloak says that Keycloak could not be asked whose account it is.
var errKeycloak = errors.New("no answer from Keycloak, so the person's account is not known")

// whose asks Keycloak for the person's account. With errKeycloak it returns
// what is known without it.
func (p program) whose(ctx context.Context, q *inquiry) (store.Person, error) {
	who := store.Person{Number: q.number}
	if q.account != "" {
		who.Accounts = []account.ID{account.ID(q.account)}
	}
	if q.cfg.Gate == nil {
		return who, nil
	}
	kc, done, err := p.keycloak(q.cfg)
	if err != nil {
		return who, err
	}
	defer done()
	if err := q.checkAccount(ctx, kc); err != nil {
		return store.Person{Number: q.number}, err
	}
	a, err := kc.Find(ctx, q.number)
	switch {
	case err == nil && !slices.Contains(who.Accounts, a.ID):
		who.Accounts = append(who.Accounts, a.ID)
	case err != nil && !errors.Is(err, account.ErrNotFound):
		return who, fmt.Errorf("%w: %w", errKeycloak, err)
	}
	return who, nil
}

// checkAccount refuses an account that is somebody else's: a slip must not
// show or erase another person.
func (q *inquiry) checkAccount(ctx context.Context, kc *keycloak.Client) error {
	if q.account == "" {
		return nil
	}
	a, err := kc.Get(ctx, account.ID(q.account))
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errKeycloak, err)
	case !a.Is(q.number):
		return usageError{errors.New("--account: this account is not the person's")}
	}
	return nil
}

// onPeople opens the database, which may be served from, for work on people.
func (p program) onPeople(ctx context.Context, cfg *config.Config, work func(context.Context, *store.Store) error) (err error) {
	ring, err := keyring.Load(cfg.KeysFile)
	if err != nil {
		return fmt.Errorf("reading the key file: %v", err) //nolint:errorlint // a missing key file is no missing database
	}
	s, err := store.OpenBeside(ctx, cfg.Store, ring, p.now)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no database yet, so nothing is held about anybody")
	}
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return work(ctx, s)
}

// note writes an entry about what a clerk does to a person's data. It is
// sealed with a key of the clerk's, so that it outlives the person's own.
func (q *inquiry) note(ctx context.Context, s *store.Store, e audit.Entry) error {
	e.Person = account.ID("clerk/" + q.clerk.uid)
	e.Detail = map[string]string{"clerk": q.clerk.String(), "reason": q.reason}
	if err := s.Audit().Append(ctx, e); err != nil {
		return fmt.Errorf("writing the audit, without which nothing is done: %w", err)
	}
	return nil
}

// noteTo writes the entry for the person too, who may ask who looked.
func (q *inquiry) noteTo(ctx context.Context, s *store.Store, who store.Person, e audit.Entry) error {
	if err := q.note(ctx, s, e); err != nil {
		return err
	}
	for _, id := range who.Accounts {
		e.Person, e.Detail = id, map[string]string{"clerk": q.clerk.String(), "reason": q.reason}
		if err := s.Audit().Append(ctx, e); err != nil {
			return fmt.Errorf("writing the audit, without which nothing is done: %w", err)
		}
	}
	return nil
}

func (p program) printJSON(v any) error {
	out := json.NewEncoder(p.out)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
