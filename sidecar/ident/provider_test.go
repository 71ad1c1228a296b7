package ident_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/ident"
)

func TestStates(t *testing.T) {
	for s, want := range map[ident.State]struct {
		name  string
		final bool
	}{
		0:                 {"invalid", false},
		ident.Pending:     {"pending", false},
		ident.InReview:    {"in_review", false},
		ident.Succeeded:   {"succeeded", true},
		ident.Failed:      {"failed", true},
		ident.Aborted:     {"aborted", true},
		ident.Expired:     {"expired", true},
		ident.Expired + 1: {"invalid", false},
	} {
		if s.String() != want.name || s.Final() != want.final {
			t.Errorf("%d: %s, final %v; want %+v", s, s, s.Final(), want)
		}
	}
}

func TestAPersonIsNotPrinted(t *testing.T) {
	p := ident.Person{Surname: "Geheim", Given: "Geheim", BirthName: "Geheim", BirthDate: "1950-03-04", Postcode: "10115", Country: "DE"}
	r := ident.Result{State: ident.Succeeded, Procedure: "eid", Person: p}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "person", p, "result", r, "pointer", &p)
	}
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v", p, p, p, p, r, r, r)
	for _, secret := range []string{"Geheim", "1950", "10115", "DE"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%s is printed: %s", secret, printed)
		}
	}
	if !strings.Contains(log.String(), "procedure=eid") {
		t.Errorf("the log lacks the procedure: %s", log.String())
	}
}
