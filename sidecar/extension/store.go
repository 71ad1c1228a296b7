package extension

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Subject says whom something stored is about, so that it can be shown to this
// person and erased with them. The zero Subject stands for whom the key itself
// names, if that is a number or an account id.
type Subject struct {
	Number  member.KVNR // may be empty
	Account account.ID  // may be empty
	// Evidence keeps a record when the person is forgotten, until its time is
	// over: for what law demands to be kept, such as that and how somebody was
	// identified, and nothing beyond it. It means nothing for messages and
	// limits.
	Evidence bool
}

// ErrStale says that a record changed since it was read.
var ErrStale = errors.New("record changed since it was read")

// Records is an extension's own JSON per person, sealed at rest. The keys are
// the extension's own; each extension sees only its own records.
type Records interface {
	// Get returns the record and its version; version 0 with nil data when
	// there is none.
	Get(ctx context.Context, person string) (data json.RawMessage, version int64, err error)
	// Put stores data (at most 64 KiB) if the stored version is still this
	// one (0 = there is none), else ErrStale. nil data deletes. keep says how
	// long the record lives from now.
	Put(ctx context.Context, person string, version int64, data json.RawMessage, keep time.Duration) error
	// About returns the same records; what is put through it is about s. It is
	// for records of which the key names something else than the person, such
	// as a case.
	About(s Subject) Records
}

// Limit is one bound on how often something may be tried.
type Limit struct {
	Name    string        // which limit, a fixed word, such as "egk.wrong"
	Subject string        // whose: a number, a card, an address; stored as a keyed hash only
	Max     int           // tries; at least 1
	Window  time.Duration // the count is forgotten this long after the last try; 0 = for life
	About   Subject       // whose count it is, where Subject is not the person alone
}

// Taken is the state of the tightest of the limits asked for.
type Taken struct {
	OK    bool      // false: nothing was counted, the try must not be made
	Left  int       // tries left after this one
	Limit string    // name of the limit that decides
	Until time.Time // when it is free again; zero = never by itself
}

// Counters count tries. No two calls can take the same try, on any replica.
type Counters interface {
	// Take counts one try against all limits, or against none if one of them
	// is used up. It is called before the comparison that it guards. An error
	// means: do not compare.
	Take(ctx context.Context, limits ...Limit) (Taken, error)
	// Refund takes back one try that turned out not to be a wrong one.
	Refund(ctx context.Context, limits ...Limit) error
	// Look says what Take would find, without counting: OK and Left are the
	// tries left now.
	Look(ctx context.Context, limits ...Limit) (Taken, error)
	// Clear sets the counters back to zero, after a success.
	Clear(ctx context.Context, limits ...Limit) error
}

// Message is something that has to happen outside, such as an order.
type Message struct {
	Key     string // given at Put: the receiver may use it to tell a repetition
	Body    []byte
	Attempt int // which delivery this is, from 1
}

// Outbox makes sure that something outside happens at least once, however
// often the process dies in between. Each extension has its own, of at most
// 10,000 messages; over that Put is a fault of kind Unavailable.
type Outbox interface {
	// Put queues a message (at most 64 KiB, sealed at rest). A key that is
	// queued or was delivered in the last 7 days is not queued again; that is
	// no error. keep is how long its delivery is tried.
	Put(ctx context.Context, key string, body []byte, keep time.Duration) error
	// Deliver hands messages to do until ctx ends, one at a time and on one
	// replica at a time. do has 30 s; its error means: again later, with a
	// growing pause of at most an hour, until the message's time is over, which
	// is logged. ErrUndeliverable (wrapped) gives it up at once.
	Deliver(ctx context.Context, do func(context.Context, Message) error) error
	// About returns the same outbox; what is put through it is about s.
	About(s Subject) Outbox
}

// ErrUndeliverable says that a message can never be delivered.
var ErrUndeliverable = errors.New("undeliverable")
