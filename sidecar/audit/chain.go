package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"
)

// Hash is a link of the chain.
type Hash [sha256.Size]byte

// Line is an entry as the chain holds it: without personal payload.
type Line struct {
	Time   time.Time // to the microsecond, UTC
	Phase  Phase
	Action string
	Step   string
	Client string
	Result string
	Ref    string
	Key    KeyID  // which person's key the payload is sealed with; zero = no person
	Sealed []byte // the person and the detail; nil where there is no person
}

// MaxBatch is how many lines a batch may have.
const MaxBatch = 256

// Batch is a group of lines that was written at once, and a link of the chain.
type Batch struct {
	Stream string
	Seq    int64 // 1 for the first of a stream
	Prev   Hash  // of the batch before; zero for the first
	Lines  []Line
}

// Hash returns the batch's link: SHA-256 over stream, sequence number, the
// link before and every line, all length-prefixed. The sealed payload goes in
// as it is stored, so that a link says the same whether its key still exists.
func (b Batch) Hash() Hash {
	h := sha256.New()
	write(h, []byte("schleuse/audit/1"))
	write(h, []byte(b.Stream))
	writeInt(h, b.Seq)
	write(h, b.Prev[:])
	writeInt(h, int64(len(b.Lines)))
	for _, l := range b.Lines {
		writeLine(h, l)
	}
	return Hash(h.Sum(nil))
}

func writeLine(h hash.Hash, l Line) {
	writeInt(h, l.Time.UnixMicro())
	writeInt(h, int64(l.Phase))
	for _, s := range []string{l.Action, l.Step, l.Client, l.Result, l.Ref} {
		write(h, []byte(s))
	}
	write(h, l.Key[:])
	sum := sha256.Sum256(l.Sealed)
	write(h, sum[:])
}

func write(h hash.Hash, part []byte) {
	writeInt(h, int64(len(part)))
	h.Write(part)
}

func writeInt(h hash.Hash, n int64) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // the bit pattern is what is hashed
}

// ErrBroken says that a chain does not hold: something was changed, added,
// removed or moved.
var ErrBroken = errors.New("audit chain is broken")

// Verifier checks the batches of one stream one after the other. Its zero
// value with a Stream expects the first batch.
type Verifier struct {
	Stream string
	Seq    int64 // of the last batch seen
	Last   Hash  // its link
	Lines  int64 // how many lines were seen
}

// Next checks the next batch against its recorded link. It returns ErrBroken,
// wrapped with where.
func (v *Verifier) Next(b Batch, recorded Hash) error {
	switch {
	case b.Stream != v.Stream || b.Seq != v.Seq+1:
		return fmt.Errorf("%w: batch %d follows batch %d of %s", ErrBroken, b.Seq, v.Seq, v.Stream)
	case b.Prev != v.Last:
		return fmt.Errorf("%w: batch %d does not continue the one before", ErrBroken, b.Seq)
	case b.Hash() != recorded:
		return fmt.Errorf("%w: batch %d was changed", ErrBroken, b.Seq)
	}
	v.Seq, v.Last = b.Seq, recorded
	v.Lines += int64(len(b.Lines))
	return nil
}
