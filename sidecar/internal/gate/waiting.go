package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// waiting is who may wait in a tab, and since when.
type waiting struct {
	since   time.Time     // when Keycloak opened it
	tab     string        // under which its changes stand
	numbers []member.KVNR // whose it can be
	proved  []member.KVNR // whose it is: none or one
	unknown bool          // or somebody's of whom that is not known
	mixed   bool          // nothing may be changed in it: it can be several people's
}

var errNotLed = errors.New("a demanded action of a tab in which no secret was right")

// waitsIn says who waits in a tab. errNotLed: nobody.
func (h *handler) waitsIn(ctx context.Context, t tab) (waiting, error) {
	w := waiting{since: born(t), tab: shownKey(t.Key)}
	s, err := h.shownIn(ctx, t.Key)
	switch {
	case err != nil:
		return w, err
	case !s.Led || t.Born == 0:
		return w, errNotLed
	}
	numbers, others, err := h.whose(ctx, t, s)
	if err != nil {
		return w, err
	}
	w.numbers = numbers
	people := len(numbers) + len(others)
	switch {
	case s.Strange:
		w.mixed = true
	case s.Foreign:
		w.unknown, w.mixed = !s.Secret, s.Secret
	case people == 1:
		w.proved = numbers
	default:
		w.unknown, w.mixed = people == 0, people > 1
	}
	return w, nil
}

// whose lists the people on a tab's list, those without a number apart.
func (h *handler) whose(ctx context.Context, t tab, s shown) (numbers []member.KVNR, others []account.ID, err error) {
	numbers = s.Numbers
	if t.Number != "" {
		numbers = union([]member.KVNR{t.Number}, numbers)
	}
	ids := s.Accounts
	if t.Claim != "" {
		ids = union([]account.ID{t.Claim}, ids)
	}
	for _, id := range ids {
		acc, err := h.Accounts.Get(ctx, id)
		number := numberOf(acc)
		switch {
		case errors.Is(err, account.ErrNotFound): // whose id is nobody's made it nobody's
		case err != nil:
			return nil, nil, fmt.Errorf("looking up whose a tab can be: %w", err)
		case number == "":
			others = append(others, id)
		case !slices.Contains(numbers, number):
			numbers = append(numbers, number)
		}
	}
	return numbers, others, nil
}

// late reports whether anybody whose this tab can be was overtaken by others.
func (h *handler) late(ctx context.Context, w waiting) (bool, error) {
	keys := make([]string, 0, len(w.numbers)+1)
	for _, number := range w.numbers {
		keys = append(keys, string(number))
	}
	if w.unknown {
		keys = append(keys, anybody)
	}
	for _, key := range keys {
		c, err := h.changeOf(ctx, key)
		if err != nil || w.since.Before(c.last(w.tab)) {
			return err == nil, err
		}
	}
	return false, nil
}
