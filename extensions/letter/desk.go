package letter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/audit"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// desk turns orders into letters. It alone looks up whom an order is for.
type desk struct {
	host   extension.Host
	config Config
	way    carrier
}

// issued is what is kept of a code, under a key of which only a keyed hash is
// stored: neither the code nor the number can be read from it.
type issued struct {
	Order  string
	Until  time.Time
	Used   flow.AttemptID `json:",omitempty"`
	UsedAt time.Time      `json:",omitzero"`
}

// lastOrder is the last letter for a number and a purpose. It keeps another one
// back until Next, unless its code was used.
type lastOrder struct {
	Order string
	Next  time.Time
	Used  bool `json:",omitempty"`
}

// bars reports whether no letter may go out for an order.
func (l lastOrder) bars(order string) bool {
	if l.Order == order {
		return l.Used // a repetition, and the letter did its work
	}
	return l.Order != "" && !l.Used
}

// keepIssued is how long a code's record outlives the code, so that somebody
// who types it can be told that it is too old.
const keepIssued = 60 * day

func codeKey(purpose flow.Name, number member.KVNR, c code) string {
	return "code/" + string(purpose) + "/" + string(number) + "/" + string(c)
}

func orderKey(purpose flow.Name, number member.KVNR) string {
	return "order/" + string(purpose) + "/" + string(number)
}

var (
	errPaced = errors.New("more letters than letters_per_hour: this one waits")
	errOrder = fmt.Errorf("%w: no order", extension.ErrUndeliverable)
)

func (d *desk) run(ctx context.Context) error { return d.host.Outbox.Deliver(ctx, d.deliver) }

// deliver makes a letter of an order, or nothing, if there is nobody to whom
// one may go. It may be repeated: the code is the same, and so is the id.
func (d *desk) deliver(ctx context.Context, m extension.Message) error {
	var o order
	if err := json.Unmarshal(m.Body, &o); err != nil || o.ID == "" || len(o.Code) != places || o.Number == "" {
		return errOrder
	}
	wanted, err := d.wanted(ctx, o)
	if err != nil || !wanted {
		return err
	}
	hour := d.perHour()
	if err := d.pace(ctx, hour); err != nil {
		return err
	}
	err = d.issue(ctx, o)
	if err == nil {
		err = d.audited(ctx, func() error { return d.post(ctx, codeDocument(d.host.Base, o, d.config.Valid)) })
	}
	if errors.Is(err, extension.ErrUndeliverable) {
		err = errors.Join(err, d.withdraw(ctx, o))
	}
	if err != nil {
		err = errors.Join(err, d.host.Counters.Refund(ctx, hour))
	}
	return err
}

// wanted reports whether a letter may go to this person, its code is good, and
// none with a code that still serves went out a short while ago.
func (d *desk) wanted(ctx context.Context, o order) (bool, error) {
	if !d.host.Now().Before(d.until(o)) {
		return false, nil
	}
	m, err := d.host.Members.Find(ctx, o.Number)
	switch {
	case errors.Is(err, member.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking up whom a letter is for: %w", err)
	}
	if !m.HasAddress || m.Standing(d.host.Now(), d.config.FromAge) != member.Fine {
		return false, nil
	}
	last, _, err := d.lastOrder(ctx, o.Purpose, o.Number)
	return !last.bars(o.ID), err
}

// until is when an order's code is too old.
func (d *desk) until(o order) time.Time { return o.At.Add(d.config.Valid) }

// perHour is the limit of this hour. The hour is its subject: counters forget
// after the last try, and letters that leave evenly would come to a halt.
func (d *desk) perHour() extension.Limit {
	hour := d.host.Now().UTC().Truncate(time.Hour).Format(time.RFC3339)
	return extension.Limit{Name: "letters", Subject: hour, Max: d.config.LettersPerHour, Window: time.Hour}
}

// pace lets so many letters out an hour. What is over waits its turn, for a
// flood of orders should alarm somebody before it is printed.
func (d *desk) pace(ctx context.Context, hour extension.Limit) error {
	taken, err := d.host.Counters.Take(ctx, hour)
	if err != nil || taken.OK {
		return err
	}
	alarm, err := d.host.Counters.Take(ctx, extension.Limit{Name: "letters.alarm", Subject: "all", Max: 1, Window: time.Hour})
	if err == nil && alarm.OK {
		d.host.Log.Error("unusually many letters are ordered: they leave more slowly", "letters_per_hour", d.config.LettersPerHour)
	}
	return errors.Join(errPaced, err)
}

// issue makes the order's code good. One that is good already, or was used
// meanwhile, stays as it is.
func (d *desk) issue(ctx context.Context, o order) error {
	records := d.host.Records.About(extension.Subject{Number: o.Number})
	last, version, err := d.lastOrder(ctx, o.Purpose, o.Number)
	until := d.until(o)
	if err == nil && last.Order != o.ID {
		again := min(d.config.Again, until.Sub(d.host.Now())) // whoever holds an old code needs another
		last = lastOrder{Order: o.ID, Next: d.host.Now().Add(again)}
		err = put(ctx, records, orderKey(o.Purpose, o.Number), version, last, again)
	}
	if err != nil {
		return fmt.Errorf("noting an order: %w", err)
	}
	key := codeKey(o.Purpose, o.Number, o.Code)
	_, version, err = records.Get(ctx, key)
	if err == nil && version == 0 {
		err = put(ctx, records, key, 0, issued{Order: o.ID, Until: until}, until.Add(keepIssued).Sub(d.host.Now()))
	}
	if err != nil {
		return fmt.Errorf("noting a code: %w", err)
	}
	return nil
}

// withdraw forgets a letter that was never printed, so that another one can be
// ordered at once.
func (d *desk) withdraw(ctx context.Context, o order) error {
	for _, key := range []string{codeKey(o.Purpose, o.Number, o.Code), orderKey(o.Purpose, o.Number)} {
		_, version, err := d.host.Records.Get(ctx, key)
		if err == nil && version != 0 {
			err = d.host.Records.Put(ctx, key, version, nil, 0)
		}
		if err != nil {
			return fmt.Errorf("withdrawing an order: %w", err)
		}
	}
	return nil
}

// settle notes that the code of an order was used: the person holds no other,
// and gets one as soon as they order it.
func (d *desk) settle(ctx context.Context, purpose flow.Name, number member.KVNR, order string) error {
	last, version, err := d.lastOrder(ctx, purpose, number)
	keep := last.Next.Sub(d.host.Now())
	if err == nil && last.Order == order && !last.Used && keep > 0 {
		last.Used = true
		records := d.host.Records.About(extension.Subject{Number: number})
		err = put(ctx, records, orderKey(purpose, number), version, last, keep)
	}
	if err != nil && !errors.Is(err, extension.ErrStale) { // the same answer settles it at this moment
		return fmt.Errorf("settling an order: %w", err)
	}
	return nil
}

func (d *desk) lastOrder(ctx context.Context, purpose flow.Name, number member.KVNR) (lastOrder, int64, error) {
	var last lastOrder
	version, err := get(ctx, d.host.Records, orderKey(purpose, number), &last)
	return last, version, err
}

// audited writes an entry before the letter and one after it.
func (d *desk) audited(ctx context.Context, do func() error) error {
	return audit.Around(ctx, d.host.Audit, audit.Entry{Action: "letter.order", Step: d.host.Name}, func(outcome *audit.Entry) error {
		err := do()
		if errors.Is(err, extension.ErrUndeliverable) {
			outcome.Result = "refused"
		}
		return err
	})
}

func get(ctx context.Context, records extension.Records, key string, into any) (int64, error) {
	data, version, err := records.Get(ctx, key)
	if err == nil && version != 0 {
		err = json.Unmarshal(data, into)
	}
	return version, err
}

func put(ctx context.Context, records extension.Records, key string, version int64, value any, keep time.Duration) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return records.Put(ctx, key, version, data, keep)
}
