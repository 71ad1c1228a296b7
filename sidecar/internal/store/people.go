package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/schleuse/schleuse/sidecar/account"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/gate"
	"github.com/schleuse/schleuse/sidecar/internal/relying"
	"github.com/schleuse/schleuse/sidecar/member"
)

// maxShown is how many rows of each kind Held returns.
const maxShown = 1000

// Person is whom a question about stored data is about: by the number, and by
// the accounts that are or were theirs.
type Person struct {
	Number   member.KVNR
	Accounts []account.ID
}

// identities are the words under which a person's rows may stand.
func (p Person) identities() []string {
	out := make([]string, 0, len(p.Accounts)+1)
	if p.Number != "" {
		out = append(out, string(p.Number))
	}
	for _, id := range p.Accounts {
		if id != "" {
			out = append(out, string(id))
		}
	}
	return out
}

func (p Person) has(id account.ID) bool { return id != "" && slices.Contains(p.Accounts, id) }

// Held is what is stored about a person, at most 1000 of each kind. It holds
// no secret, and of an extension's record only that it is there.
type Held struct {
	Attempts  []HeldAttempt  `json:"attempts"`
	Logins    []HeldLogin    `json:"logins"`
	Codes     int            `json:"codes"` // authorization codes of the last minutes
	Sessions  []HeldSession  `json:"sessions"`
	Records   []HeldRecord   `json:"records"`
	Counters  []HeldCounter  `json:"counters"`
	Messages  []HeldMessage  `json:"messages"`
	Phones    []HeldPhone    `json:"phones"`
	Permits   int            `json:"permits"` // to register a phone, of the last day
	Approvals []HeldApproval `json:"approvals"`
	Entries   int            `json:"audit_entries"`
	Audit     []HeldEntry    `json:"audit"` // the last of them
	Requests  []HeldErasure  `json:"erasure_requests"`
}

// HeldAttempt is a way through a flow.
type HeldAttempt struct {
	Flow    flow.Name       `json:"flow"`
	Client  string          `json:"client"`
	Status  string          `json:"status"`
	Steps   []flow.StepName `json:"steps_passed,omitempty"`
	Created time.Time       `json:"created"`
	Expires time.Time       `json:"kept_until"`
}

// HeldLogin is a session at Keycloak.
type HeldLogin struct {
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"kept_until"`
	Stepup  time.Time `json:"step_up,omitzero"` // when it passed the second factor
}

// HeldSession is a session at a site.
type HeldSession struct {
	Site    string    `json:"site"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
	Expires time.Time `json:"kept_until"`
}

// HeldRecord is an extension's record.
type HeldRecord struct {
	Extension string    `json:"extension"`
	Made      time.Time `json:"written"`
	Expires   time.Time `json:"kept_until"`
	Evidence  bool      `json:"evidence"`
}

// HeldCounter is a count of tries.
type HeldCounter struct {
	Extension string     `json:"extension"`
	Name      string     `json:"name"`
	Tries     int        `json:"tries"`
	Last      time.Time  `json:"last"`
	Expires   *time.Time `json:"kept_until"` // null: for life
}

// HeldMessage is a message that waits, or the memory of one that was delivered.
type HeldMessage struct {
	Extension string    `json:"extension"`
	Made      time.Time `json:"queued"`
	Delivered bool      `json:"delivered"`
	Expires   time.Time `json:"kept_until"`
}

// sealedTable is a table whose rows say only in their sealed part whose they
// are. There are few, they do not live long, and nobody but this asks them by
// person, so they are read through instead of being indexed.
type sealedTable struct {
	name, key, column string
	text              bool // the key is text
	// mine opens a row's record and reports whether it is the person's.
	mine func(record func(any) bool) bool
}

// walkAtOnce is how many rows one query of walk reads.
const walkAtOnce = 500

// walk calls found with the key of each of the person's rows.
func (s *Store) walk(ctx context.Context, t sealedTable, found func(key any) error) error {
	var after any = []byte{}
	if t.text {
		after = ""
	}
	for {
		var keys []any
		var n int
		err := s.read(ctx, "reading "+t.name, func(ctx context.Context, q querier) (err error) {
			keys, after, n, err = s.page(ctx, q, t, after)
			return err
		})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := found(k); err != nil {
				return err
			}
		}
		if n < walkAtOnce {
			return nil
		}
	}
}

// page reads some rows after a key; it returns the person's, the last key and
// how many there were.
func (s *Store) page(ctx context.Context, q querier, t sealedTable, after any) (mine []any, last any, n int, err error) {
	rows, err := q.QueryContext(ctx, "SELECT "+t.key+", "+t.column+" FROM "+t.name+" WHERE "+t.key+" > $1 ORDER BY "+t.key+" LIMIT $2",
		after, walkAtOnce)
	if err != nil {
		return nil, after, 0, err
	}
	defer rows.Close()
	last = after
	for rows.Next() {
		var key, record []byte
		if err := rows.Scan(&key, &record); err != nil {
			return nil, after, 0, err
		}
		n++
		if last = key; t.text {
			last = string(key)
		}
		if t.mine(func(v any) bool { return s.open(t.name+"."+t.column, key, record, v) }) {
			mine = append(mine, last)
		}
	}
	return mine, last, n, rows.Err()
}

// sealedTables are the tables to walk; a row of the person's is told to h.
func (p Person) sealedTables(h *Held) []sealedTable {
	return []sealedTable{
		{name: "attempts", key: "id", column: "record", text: true, mine: p.attempt(h)},
		{name: "codes", key: "hash", column: "record", mine: func(open func(any) bool) bool {
			var c gate.Code
			mine := open(&c) && p.has(c.Account)
			h.Codes += flag(mine)
			return mine
		}},
		{name: "logins", key: "sid", column: "record", mine: func(open func(any) bool) bool {
			var l gate.Login
			mine := open(&l) && p.has(l.Account)
			if mine && len(h.Logins) < maxShown {
				h.Logins = append(h.Logins, HeldLogin{l.Seen.UTC(), l.Expires.UTC(), l.Stepup.UTC()})
			}
			return mine
		}},
		{name: "sessions", key: "id", column: "record", mine: p.session(h)},
	}
}

func (p Person) attempt(h *Held) func(func(any) bool) bool {
	return func(open func(any) bool) bool {
		var r flow.Record
		if !open(&r) || !p.attempted(r) {
			return false
		}
		if len(h.Attempts) < maxShown {
			a := HeldAttempt{Flow: r.Flow, Client: r.Client, Status: status(r.Status), Created: r.Created.UTC(), Expires: r.Expires.UTC()}
			for name := range r.Proofs {
				a.Steps = append(a.Steps, name)
			}
			slices.Sort(a.Steps)
			h.Attempts = append(h.Attempts, a)
		}
		return true
	}
}

// attempted reports whether an attempt names the person in any place.
func (p Person) attempted(r flow.Record) bool {
	for _, proof := range r.Proofs {
		if p.has(proof.Account) {
			return true
		}
	}
	return p.Number != "" && r.Number == p.Number || p.has(r.Account)
}

func (p Person) session(h *Held) func(func(any) bool) bool {
	return func(open func(any) bool) bool {
		var v relying.Session
		if !open(&v) || !p.has(account.ID(v.Subject)) && (p.Number == "" || !strings.EqualFold(v.Username, string(p.Number))) {
			return false
		}
		if len(h.Sessions) < maxShown {
			h.Sessions = append(h.Sessions, HeldSession{Site: v.Site, Created: v.Created.UTC(), Used: v.Used.UTC(), Expires: v.Expires.UTC()})
		}
		return true
	}
}

func status(s flow.Status) string {
	words := map[flow.Status]string{
		flow.Open: "open", flow.Proven: "proven", flow.Cleared: "cleared", flow.Released: "released", flow.Failed: "failed",
	}
	if w, ok := words[s]; ok {
		return w
	}
	return "ended"
}
