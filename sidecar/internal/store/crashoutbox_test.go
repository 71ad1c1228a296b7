package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/store"
)

// sendingEnv is childEnv for sendingChild.
const sendingEnv = "SCHLEUSE_TEST_CRASH_OUTBOX"

// sendingChild queues and delivers until it is killed, and says both.
func sendingChild(dir string) error {
	ring, err := keyring.Load(filepath.Join(dir, "keys.json"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "schleuse.db"), ring, time.Now)
	if err != nil {
		return err
	}
	o := s.Outbox("letter")
	go o.Deliver(ctx, func(_ context.Context, m extension.Message) error {
		fmt.Println("delivered " + m.Key)
		return nil
	})
	for n := 1; ; n++ {
		key := fmt.Sprintf("%d-%d", time.Now().UnixNano(), n)
		if err := o.Put(ctx, key, make([]byte, 16<<10), time.Hour); err != nil {
			return err
		}
		fmt.Println("queued " + key)
	}
}

func TestEachMessageLeavesHoweverOftenTheProcessIsKilled(t *testing.T) {
	dir, ring := crashFolder(t)
	queued, delivered := map[string]bool{}, map[string]int{}
	for round := range 5 {
		lines, kill := startChild(t, dir, sendingEnv)
		for n := 0; lines.Scan(); n++ {
			what, key, _ := strings.Cut(lines.Text(), " ")
			if what == "queued" {
				queued[key] = true
			} else {
				delivered[key]++
			}
			if n == 10+7*round {
				kill()
			}
		}
	}
	later := time.Now().Add(5 * time.Minute) // when the leases of the dead are over
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "schleuse.db"), ring, func() time.Time { return later })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Outbox("letter").DeliverDue(t.Context(), func(_ context.Context, m extension.Message) error {
		delivered[m.Key]++
		return nil
	})
	if err != nil || len(queued) < 20 {
		t.Fatalf("%d queued, %v", len(queued), err)
	}
	for key := range queued {
		if n := delivered[key]; n < 1 || n > 2 {
			t.Errorf("%s was delivered %d times", key, n)
		}
	}
	if queues, err := s.Queues(t.Context()); err != nil || len(queues) > 0 {
		t.Errorf("there waits %+v, %v", queues, err)
	}
}
