package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/member"
)

// erika and moritz are two people.
var (
	erika  = store.Person{Number: "A123456780", Accounts: []account.ID{"erika-1"}}
	moritz = store.Person{Number: "M123456784", Accounts: []account.ID{"moritz-1"}}
)

// live stores something of every kind about a person.
func (f *fixture) live(t *testing.T, p store.Person) {
	t.Helper()
	s, id, ctx := f.one(0), p.Accounts[0], t.Context()
	hour := f.clock.Now().Add(time.Hour)
	byNumber, byAccount := attempt("192.0.2.1/32"), attempt("192.0.2.2/32")
	byNumber.Number, byNumber.Account, byNumber.Status = p.Number, "", flow.Open
	byAccount.Number, byAccount.Account = "", id
	must(t, s.Attempts(50).Create(ctx, byNumber))
	must(t, s.Attempts(50).Create(ctx, byAccount))
	must(t, s.Codes().RecordCode(ctx, gate.HashOf("code of "+string(id)), gate.Code{Account: id, Expires: hour}))
	l := login(account.SID("sid of "+id), f.clock.Now())
	l.Account = id
	must(t, s.Logins().RecordLogin(ctx, l))
	bySub, byName := session(string(id), "sid"), session("another sub "+string(id), "sid")
	bySub.Username, byName.Username = "", p.Number.Username()
	must(t, s.Sessions().Create(ctx, bySub))
	must(t, s.Sessions().Create(ctx, byName))

	about := extension.Subject{Number: p.Number, Account: id}
	egk, nect := s.Records("egk"), s.Records("nect")
	must(t, egk.Put(ctx, string(p.Number), 0, json.RawMessage(`1`), time.Hour))
	must(t, egk.Put(ctx, string(id), 0, json.RawMessage(`1`), time.Hour))
	must(t, nect.About(about).Put(ctx, "case of "+string(id), 0, json.RawMessage(`1`), time.Hour))
	about.Evidence = true
	must(t, nect.About(about).Put(ctx, "evidence of "+string(id), 0, json.RawMessage(`1`), 48*time.Hour))
	about.Evidence = false
	wrong := extension.Limit{Name: "wrong", Subject: string(id), Max: 3, Window: time.Hour}
	card := extension.Limit{Name: "card", Subject: string(id) + " 0042", Max: 5, About: extension.Subject{Account: id}}
	take(t, s.Counters("egk"), wrong, card)
	must(t, s.Outbox("letter").About(about).Put(ctx, "order of "+string(id), []byte("x"), time.Hour))
	must(t, s.Outbox("mail").About(extension.Subject{Number: p.Number}).Put(ctx, "mail to "+string(id), []byte("x"), time.Hour))
	_, err := s.Outbox("mail").DeliverDue(ctx, func(context.Context, extension.Message) error { return nil })
	must(t, err)
	must(t, s.Audit().Append(ctx, auditEntry("role.grant", id)))
	f.carry(t, p)
	f.asked(t, p)
}

func held(t *testing.T, s *store.Store, p store.Person) store.Held {
	t.Helper()
	h, err := s.Held(t.Context(), p)
	must(t, err)
	return h
}

// wantLife compares what is held with all that live stores.
func wantLife(t *testing.T, h store.Held) {
	t.Helper()
	hour := start.Add(time.Hour)
	want := store.Held{
		Codes: 1, Entries: 1, Permits: 2,
		Phones: []store.HeldPhone{{Name: "Telefon", Platform: "test", State: "active", Created: start, Used: start, Push: "fcm"}},
		Approvals: []store.HeldApproval{{
			Client: "backend", Action: "adresse", Fields: []approval.Field{{Name: "neu", Value: "Am Deich 1"}}, State: "pending",
			Created: start, Expires: start.Add(90 * day),
		}},
		Records: []store.HeldRecord{
			{Extension: "egk", Made: start, Expires: hour},
			{Extension: "nect", Made: start, Expires: hour},
			{Extension: "nect", Made: start, Expires: start.Add(48 * time.Hour), Evidence: true},
			{Extension: "egk", Made: start, Expires: hour},
		},
		Counters: []store.HeldCounter{
			{Extension: "egk", Name: "card", Tries: 1, Last: start},
			{Extension: "egk", Name: "wrong", Tries: 1, Last: start, Expires: &hour},
		},
		Messages: []store.HeldMessage{
			{Extension: store.PhoneTasks, Made: start, Expires: start.Add(7 * 24 * time.Hour)}, // of the phone
			{Extension: "letter", Made: start, Expires: hour},
			{Extension: "mail", Made: start, Delivered: true, Expires: start.Add(7 * day)},
		},
	}
	byTime := cmpopts.SortSlices(func(a, b store.HeldRecord) bool {
		return a.Extension < b.Extension || a.Extension == b.Extension && a.Expires.Before(b.Expires)
	})
	others := cmpopts.IgnoreFields(store.Held{}, "Attempts", "Logins", "Sessions", "Audit", "Requests")
	if diff := cmp.Diff(want, h, byTime, others); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	if len(h.Attempts) != 2 || len(h.Logins) != 1 || len(h.Sessions) != 2 || len(h.Audit) != 1 || h.Audit[0].Action != "role.grant" {
		t.Errorf("%d attempts, %d logins, %d sessions, audit %+v", len(h.Attempts), len(h.Logins), len(h.Sessions), h.Audit)
	}
}

// wantGone demands that nothing is left but evidence.
func wantGone(t *testing.T, h store.Held, evidence int) {
	t.Helper()
	left := len(h.Attempts) + len(h.Logins) + h.Codes + len(h.Sessions) + len(h.Counters) + len(h.Messages) + h.Entries + len(h.Phones) + h.Permits + len(h.Approvals)
	if left != 0 || len(h.Records) != evidence || evidence > 0 && !h.Records[0].Evidence {
		t.Errorf("left behind: %+v", h)
	}
}

var peopleTests = map[string]func(*testing.T, *fixture){
	"all that is held about a person, and nothing of another": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		f.live(t, moritz)
		wantLife(t, held(t, f.one(1), erika))
		wantGone(t, held(t, f.one(1), store.Person{Number: "X110411675", Accounts: []account.ID{"nobody"}}), 0)
		wantGone(t, held(t, f.one(1), store.Person{}), 0)
	},
	"by the number alone what the number names": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		h := held(t, f.one(0), store.Person{Number: erika.Number})
		if len(h.Attempts) != 1 || len(h.Sessions) != 1 || len(h.Records) != 3 || len(h.Messages) != 3 || h.Entries != 0 || len(h.Phones) != 1 || h.Permits != 2 || len(h.Approvals) != 1 {
			t.Errorf("%+v", h)
		}
	},
	"forgetting leaves evidence, the chain and everybody else": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		f.live(t, moritz)
		all, err := f.one(0).Forget(t.Context(), erika)
		must(t, err)
		want := store.Forgotten{Attempts: 2, Codes: 1, Logins: 1, Sessions: 2, Records: 3, Counters: 2, Messages: 3, AuditKeys: 1, Phones: 1, Permits: 2, Approvals: 1}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
		wantGone(t, held(t, f.one(1), erika), 1)
		wantLife(t, held(t, f.one(1), moritz))
		_, err = f.one(1).Audit().Verify(t.Context())
		must(t, err)
		if lines := tail(t, f.one(1), 10); len(lines) != 2 || !lines[0].Erased || lines[0].Entry.Person != "" || lines[1].Erased {
			t.Errorf("audit: %+v", lines)
		}
		f.clock.Add(48 * time.Hour)
		wantGone(t, held(t, f.one(0), erika), 0)
	},
	"forgetting nobody is refused": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		if _, err := f.one(0).Forget(t.Context(), store.Person{Accounts: []account.ID{""}}); err == nil {
			t.Error("nobody was forgotten")
		}
		wantLife(t, held(t, f.one(0), erika))
	},
	"rotated keys hide nothing": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		wantLife(t, held(t, f.one(0), erika))
		_, err := f.one(0).Forget(t.Context(), erika)
		must(t, err)
		wantGone(t, held(t, f.one(0), erika), 1)
	},
	"more rows than one page has": func(t *testing.T, f *fixture) {
		const rows = 1100
		for i := range rows {
			id := account.ID("somebody")
			if i%2 == 0 {
				id = "erika-1"
			}
			must(t, f.one(0).Codes().RecordCode(t.Context(), gate.Hash{byte(i), byte(i >> 8), 1}, gate.Code{Account: id, Expires: start.Add(time.Minute)}))
		}
		all, err := f.one(0).Forget(t.Context(), erika)
		must(t, err)
		if left := held(t, f.one(0), store.Person{Accounts: []account.ID{"somebody"}}).Codes; all.Codes != rows/2 || left != rows/2 {
			t.Errorf("%d forgotten, %d of somebody else left", all.Codes, left)
		}
	},
	"a login under way while its person is forgotten": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		stop := make(chan struct{})
		var busy sync.WaitGroup
		for i := range f.replicas {
			busy.Go(func() { f.logsIn(t, i, stop) })
		}
		for range 3 {
			_, err := f.one(0).Forget(t.Context(), erika)
			if err != nil && !errors.Is(err, store.ErrComesBack) {
				t.Error(err)
			}
		}
		close(stop)
		busy.Wait()
		_, err := f.one(0).Forget(t.Context(), erika)
		must(t, err)
		wantGone(t, held(t, f.one(0), erika), 1)
		_, err = f.one(0).Audit().Verify(t.Context())
		must(t, err)
	},
	"forgetting that was cut off is completed": func(t *testing.T, f *fixture) {
		f.live(t, erika)
		f.live(t, moritz)
		for cut := 0; ; cut++ {
			ctx, kill := context.WithCancel(t.Context())
			_, err := f.one(0).Forget(&dying{Context: ctx, kill: kill, left: cut}, erika)
			kill()
			if err == nil {
				if cut < 10 {
					t.Errorf("cut off only %d times", cut)
				}
				break
			}
			if cut > 500 {
				t.Fatalf("does not end: %v", err)
			}
		}
		wantGone(t, held(t, f.one(0), erika), 1)
		wantLife(t, held(t, f.one(0), moritz))
	},
	"a request waits for a day and shows nothing": func(t *testing.T, f *fixture) {
		want := store.Erasure{ID: "id-1", Person: erika, Clerk: "uid 1", Reason: "letter of 1 December"}
		got, err := f.one(0).RequestErasure(t.Context(), want)
		must(t, err)
		want.Made, want.Expires = start, start.Add(day)
		again, err := f.one(1).Erasure(t.Context(), got.ID)
		must(t, err)
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if h := held(t, f.one(0), store.Person{Number: erika.Number}); len(h.Requests) != 1 || h.Requests[0].ID != got.ID {
			t.Errorf("shown: %+v", h.Requests)
		}
		if h := held(t, f.one(0), moritz); len(h.Requests) != 0 {
			t.Errorf("shown to another: %+v", h.Requests)
		}
		f.live(t, moritz)
		f.noneVisible(t, "A123456780", "erika-1", "letter of")
		f.clock.Add(day)
		_, err = f.one(1).Erasure(t.Context(), got.ID)
		wantErr(t, err, store.ErrNoErasure)
		swept, err := f.one(0).Sweep(t.Context())
		if err != nil || swept.Erasures != 1 {
			t.Errorf("%+v, %v", swept, err)
		}
	},
	"a request that was carried out is gone": func(t *testing.T, f *fixture) {
		got, err := f.one(0).RequestErasure(t.Context(), store.Erasure{ID: "id-1", Person: erika, Clerk: "uid 1", Reason: "r"})
		must(t, err)
		must(t, f.one(1).EndErasure(t.Context(), got.ID))
		_, err = f.one(0).Erasure(t.Context(), got.ID)
		wantErr(t, err, store.ErrNoErasure)
		_, err = f.one(0).RequestErasure(t.Context(), store.Erasure{ID: "id-1", Person: store.Person{Number: member.KVNR("")}, Clerk: "c", Reason: "r"})
		if err == nil {
			t.Error("a request about nobody is stored")
		}
	},
}

// logsIn does what a login does, again and again.
func (f *fixture) logsIn(t *testing.T, i int, stop <-chan struct{}) {
	s, id := f.one(i), erika.Accounts[0]
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		r := attempt("192.0.2.1/32")
		r.Number, r.Account = erika.Number, id
		err := s.Attempts(50).Create(t.Context(), r)
		if err != nil && !errors.Is(err, flow.ErrTooManyAttempts) {
			t.Error(err)
		}
		_, err = s.Counters("egk").Take(t.Context(), extension.Limit{Name: "wrong", Subject: string(id), Max: 1 << 30, Window: time.Hour})
		if err != nil {
			t.Error(err)
		}
		_, err = s.Attempts(50).Update(t.Context(), r.ID, func(r *flow.Record) error {
			r.Status = flow.Failed
			return nil
		})
		if err != nil && !errors.Is(err, flow.ErrNoAttempt) {
			t.Error(err)
		}
		if err := s.Audit().Append(t.Context(), auditEntry("login", id)); err != nil {
			t.Error(err)
		}
	}
}

// dying is a context that ends at the nth call of the database.
type dying struct {
	context.Context
	kill func()
	left int
}

func (d *dying) Done() <-chan struct{} {
	if d.left--; d.left < 0 {
		d.kill()
	}
	return d.Context.Done()
}
