package extensiontest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/account/accounttest"
	"github.com/schleuse/schleuse/sidecar/approval/approvaltest"
	"github.com/schleuse/schleuse/sidecar/audit/audittest"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/flow/flowtest"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

// The person whom a Stage knows from the beginning.
const (
	Number  member.KVNR = "A123456780"
	Account account.ID  = "11111111-2222-4333-8444-555555555555"
)

// Person is the insured person behind Number. Her card ends with 7391.
func Person() member.Member {
	return member.Member{
		KVNR: Number, Status: member.StatusActive, Surname: "Beispielmann", Given: "Anna Maria", BirthName: "Mädchenname",
		BirthDate: "1950-03-04", HasAddress: true, Postcode: "10115", Mail: "anna.beispielmann@kasse.example",
		Cards: []member.Card{{LastFour: "7391", State: member.CardActive, ValidFrom: time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}
}

// Stage is a Host of stateful fakes. The clock stands at noon (UTC) of 24
// November 2026 until a test moves it.
type Stage struct {
	Host      extension.Host
	Clock     *flowtest.Clock
	Realm     *accounttest.Realm
	Members   *membertest.Directory
	Records   *Records
	Counters  *Counters
	Outbox    *Outbox
	Notices   *Notices
	Approvals *approvaltest.Asker
	Outside   *Outside
	Audit     *audittest.Log

	log *logBuffer
}

// NewStage returns a stage that knows Person and has an account of hers.
func NewStage(name string) *Stage {
	clock := flowtest.NewClock(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	s := &Stage{
		Clock:   clock,
		Realm:   accounttest.New(account.Account{ID: Account, Username: Number.Username(), Enabled: true}),
		Members: membertest.New(Person()), Records: NewRecords(clock.Now), Counters: NewCounters(clock.Now),
		Outbox: NewOutbox(clock.Now), Notices: &Notices{},
		Approvals: approvaltest.NewAsker(clock.Now), Outside: &Outside{}, Audit: &audittest.Log{Now: clock.Now}, log: &logBuffer{},
	}
	s.Realm.Now = clock.Now
	s.Host = extension.Host{
		Name: name, Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime})),
		Now: clock.Now, Accounts: s.Realm, Members: s.Members, Records: s.Records, Counters: s.Counters, Audit: s.Audit,
		Outbox: s.Outbox, Notify: s.Notices, Approvals: s.Approvals, Hash: hash, Help: "0800 000000",
		Flows:  []flow.Name{flow.Login, flow.Registration, flow.Recovery, flow.Enrolment, flow.Stepup},
		Base:   &url.URL{Scheme: "https", Host: "login.kasse.example", Path: "/schleuse/x/" + name},
		Return: s.Outside.giveBack, Render: s.Outside.render,
	}
	return s
}

// Attempt is Person's in the flow of the login, after Keycloak's own.
func (s *Stage) Attempt() *flow.Attempt {
	return &flow.Attempt{
		ID: flow.Secret{1}.ID(), Flow: flow.Login, Client: "webcenter", Number: Number, Account: Account,
		Session: "sid-1", Address: netip.MustParsePrefix("192.0.2.7/32"), Language: "de", Step: flow.StepName(s.Host.Name),
	}
}

// Log returns what was logged so far.
func (s *Stage) Log() string { return s.log.String() }

// Open opens an extension on the stage; config is the YAML of its `config:`
// block. It is closed with the test.
func (s *Stage) Open(t testing.TB, factory extension.Factory, config string) extension.Parts {
	t.Helper()
	parts, err := factory.Open(t.Context(), s.Host, Decoder(config))
	if err != nil {
		t.Fatalf("opening %s: %v", factory.Kind, err)
	}
	if parts.Close != nil {
		t.Cleanup(func() {
			if err := parts.Close(); err != nil {
				t.Errorf("closing %s: %v", factory.Kind, err)
			}
		})
	}
	return parts
}

// Decoder decodes the YAML of a `config:` block, as strictly as the program.
func Decoder(config string) func(any) error {
	return func(into any) error {
		node, err := strictyaml.Parse("config", []byte(config))
		if err != nil {
			return err
		}
		return node.Decode(into)
	}
}

// Walk begins the step and posts the answers one after the other, as the
// engine does. It returns the last outcome.
func Walk(ctx context.Context, step flow.Step, a *flow.Attempt, answers ...flow.Input) (flow.Outcome, error) {
	out, err := step.Begin(ctx, a)
	for _, in := range answers {
		if err != nil || out.Kind != flow.IsShow && out.Kind != flow.IsSend {
			return out, err
		}
		out, err = step.Resume(ctx, a, in)
	}
	return out, err
}

// Post is what a form's fields make when they are posted: names and values.
func Post(namesAndValues ...string) flow.Input {
	in := flow.Input{Kind: flow.Posted, Form: map[string][]string{}}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		in.Form.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return in
}

func hash(purpose string, data ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte("test"))
	for _, part := range append([][]byte{[]byte(purpose)}, data...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
