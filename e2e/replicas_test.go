package e2e_test

import (
	"os"
	"testing"

	"github.com/schleuse/schleuse/e2e/play"
	"github.com/schleuse/schleuse/e2e/stage"
)

func TestReplicasAtOneDatabaseAreOne(t *testing.T) {
	cache, err := stage.OpenCache(stage.Progress{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := cache.StartPostgres(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(postgres.Stop)
	person := newCustomer(t)
	first := newReplica(t, play.Spec{Store: postgres.URL}, nil)
	second := newReplica(t, play.Spec{Store: postgres.URL}, first)
	second.known(person)

	v := first.visitor()
	page := first.toTheCard(v, person)
	first.Kill()
	second.serve(v)
	page = second.open(v, page.URL.String())
	if page.Title() != askDigits {
		t.Fatalf("the other replica asks %q: %s", page.Title(), page.Text())
	}
	if page, err = second.answer(v, page, person); err != nil {
		t.Fatal(err)
	}
	second.letIn(page, person)

	first.rise()
	first.serve(v)
	page = first.open(v, theatre.Ports.SiteURL()+"/postfach/")
	if page.Title() != sayInbox {
		t.Errorf("the first replica does not know the session of the second: %q", page.Title())
	}
}
