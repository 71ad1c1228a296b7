package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

func session(subject, sid string) relying.Session {
	var id relying.SessionID
	rand.Read(id[:])
	return relying.Session{
		ID: id, Site: "webcenter", Issuer: "https://issuer", Subject: subject, SID: sid, Username: "a123456780",
		Claims:      map[string]any{"roles": []any{"x"}, "n": 1.5},
		AccessToken: "at", RefreshToken: "rt", IDToken: "it", AuthTime: start, TokenExpires: start.Add(time.Minute),
		Created: start, Used: start, Expires: start.Add(time.Hour), Lease: start.Add(time.Second),
	}
}

var sessionTests = map[string]func(*testing.T, *fixture){
	"a session comes back as it was stored, until it ends": func(t *testing.T, f *fixture) {
		want := session("sub", "sid")
		_, err := f.one(0).Sessions().Get(t.Context(), want.ID)
		wantErr(t, err, relying.ErrNoSession)
		must(t, f.one(0).Sessions().Create(t.Context(), want))
		got, err := f.one(1).Sessions().Get(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		f.clock.Add(time.Hour)
		_, err = f.one(0).Sessions().Get(t.Context(), want.ID)
		wantErr(t, err, relying.ErrNoSession)
		_, err = f.one(0).Sessions().Update(t.Context(), want.ID, func(*relying.Session) error { return nil })
		wantErr(t, err, relying.ErrNoSession)
	},
	"a person has a hundred sessions, raced": func(t *testing.T, f *fixture) {
		first, other := session("sub", "sid"), session("other", "sid")
		first.Expires = start.Add(time.Minute)
		must(t, f.one(0).Sessions().Create(t.Context(), first))
		must(t, f.one(0).Sessions().Create(t.Context(), other))
		f.rotate(t, keyring.Index)
		for range 2 {
			count(t, race(racers, func(i int) error { return f.one(i).Sessions().Create(t.Context(), session("sub", "sid")) }), nil)
		}
		_, err := f.one(0).Sessions().Get(t.Context(), first.ID)
		wantErr(t, err, relying.ErrNoSession)
		_, err = f.one(0).Sessions().Get(t.Context(), other.ID)
		must(t, err)
		n, err := f.one(0).Sessions().End(t.Context(), relying.Match{Issuer: first.Issuer, Subject: "sub"})
		must(t, err)
		if n != 100 {
			t.Errorf("%d sessions", n)
		}
	},
	"an update is stored, a failed one is not": func(t *testing.T, f *fixture) {
		s := f.one(0).Sessions()
		v := session("sub", "sid")
		must(t, s.Create(t.Context(), v))
		_, err := s.Update(t.Context(), v.ID, func(v *relying.Session) error { v.AccessToken = "new"; return nil })
		must(t, err)
		mine := errors.New("mine")
		_, err = s.Update(t.Context(), v.ID, func(v *relying.Session) error { v.AccessToken = "bad"; return mine })
		wantErr(t, err, mine)
		_, err = s.Update(t.Context(), v.ID, func(v *relying.Session) error { v.ID[0]++; return nil })
		if err == nil {
			t.Error("the id changes")
		}
		if got, err := f.one(1).Sessions().Get(t.Context(), v.ID); err != nil || got.AccessToken != "new" {
			t.Errorf("%q, %v", got.AccessToken, err)
		}
	},
	"claims have a limit": func(t *testing.T, f *fixture) {
		v := session("sub", "sid")
		v.Claims["x"] = strings.Repeat("x", 16<<10)
		wantKind(t, f.one(0).Sessions().Create(t.Context(), v), fault.TooLarge)
	},
	"one of many takes the lease": func(t *testing.T, f *fixture) {
		v := session("sub", "sid")
		v.Lease = time.Time{}
		must(t, f.one(0).Sessions().Create(t.Context(), v))
		taken := errors.New("taken")
		errs := race(racers, func(i int) error {
			_, err := f.one(i).Sessions().Update(t.Context(), v.ID, func(v *relying.Session) error {
				if v.Lease.After(start) {
					return taken
				}
				v.Lease = start.Add(time.Minute)
				return nil
			})
			return err
		})
		if first, _ := count(t, errs, taken); first != 1 {
			t.Errorf("%d took it", first)
		}
	},
	"end takes what matches": func(t *testing.T, f *fixture) {
		s := f.one(0).Sessions()
		a1, a2, b1, foreign := session("a", "s1"), session("a", "s2"), session("b", "s3"), session("a", "s1")
		foreign.Issuer = "https://other"
		tests := map[string]struct {
			match relying.Match
			ended []relying.SessionID
		}{
			"by id":             {relying.Match{ID: &a1.ID}, []relying.SessionID{a1.ID}},
			"by subject":        {relying.Match{Issuer: a1.Issuer, Subject: "a"}, []relying.SessionID{a1.ID, a2.ID}},
			"by sid":            {relying.Match{Issuer: a1.Issuer, SID: "s2"}, []relying.SessionID{a2.ID}},
			"by both":           {relying.Match{Issuer: a1.Issuer, Subject: "a", SID: "s1"}, []relying.SessionID{a1.ID}},
			"by both, not both": {relying.Match{Issuer: a1.Issuer, Subject: "a", SID: "s3"}, nil},
		}
		all := []relying.Session{a1, a2, b1, foreign}
		var ids []relying.SessionID
		for _, v := range all {
			must(t, s.Create(t.Context(), v))
			ids = append(ids, v.ID)
		}
		f.rotate(t, keyring.Index)
		for name, tt := range tests {
			n, err := s.End(t.Context(), tt.match)
			must(t, err)
			gone, err := f.one(1).Sessions().Ended(t.Context(), ids)
			must(t, err)
			if diff := cmp.Diff(tt.ended, gone, cmpopts.EquateEmpty()); diff != "" || n != len(tt.ended) {
				t.Errorf("%s: %d ended, %s", name, n, diff)
			}
			for _, v := range all {
				if _, err := s.End(t.Context(), relying.Match{ID: &v.ID}); err != nil {
					t.Fatal(err)
				}
				must(t, s.Create(t.Context(), v))
			}
		}
	},
	"an empty or mixed match is an error": func(t *testing.T, f *fixture) {
		v := session("a", "s")
		must(t, f.one(0).Sessions().Create(t.Context(), v))
		for _, m := range []relying.Match{{}, {Issuer: v.Issuer}, {Subject: "a"}, {SID: "s"}, {ID: &v.ID, Issuer: v.Issuer, SID: "s"}} {
			if n, err := f.one(0).Sessions().End(t.Context(), m); err == nil {
				t.Errorf("%+v ended %d", m, n)
			}
		}
	},
	"sessions without sid are not ended by an empty one": func(t *testing.T, f *fixture) {
		v := session("a", "")
		must(t, f.one(0).Sessions().Create(t.Context(), v))
		if n, err := f.one(0).Sessions().End(t.Context(), relying.Match{Issuer: v.Issuer, SID: "x"}); err != nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	},
	"what was ended stays ended, whatever updates race": func(t *testing.T, f *fixture) {
		v := session("a", "s")
		must(t, f.one(0).Sessions().Create(t.Context(), v))
		errs := race(racers, func(i int) error {
			if i == racers/2 {
				_, err := f.one(i).Sessions().End(t.Context(), relying.Match{Issuer: v.Issuer, Subject: "a"})
				return err
			}
			_, err := f.one(i).Sessions().Update(t.Context(), v.ID, func(v *relying.Session) error {
				v.AccessToken = fmt.Sprint(i)
				return nil
			})
			return err
		})
		count(t, errs, relying.ErrNoSession)
		_, err := f.one(1).Sessions().Get(t.Context(), v.ID)
		wantErr(t, err, relying.ErrNoSession)
	},
	"ended knows the expired and bounds the question": func(t *testing.T, f *fixture) {
		v, w := session("a", "s"), session("a", "s")
		w.Expires = start.Add(time.Minute)
		must(t, f.one(0).Sessions().Create(t.Context(), v))
		must(t, f.one(0).Sessions().Create(t.Context(), w))
		f.clock.Add(time.Minute)
		gone, err := f.one(0).Sessions().Ended(t.Context(), []relying.SessionID{v.ID, w.ID})
		must(t, err)
		if diff := cmp.Diff([]relying.SessionID{w.ID}, gone); diff != "" {
			t.Error(diff)
		}
		if _, err := f.one(0).Sessions().Ended(t.Context(), make([]relying.SessionID, 501)); err == nil {
			t.Error("501 are answered")
		}
	},
}
