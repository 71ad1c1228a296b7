package device

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/notify"
)

// News returns what the owner of a phone must be told of a change, as tasks for
// Service.Carry. Stores queue them in the transaction of the change: none that
// came about is kept quiet, whatever becomes of the process, and none is told
// that did not. before is the zero Device for a new phone; at is the time of
// the change.
func News(before, after Device, at time.Time) ([]Task, error) {
	var out []Task
	for _, kind := range told(before, after) {
		task, err := notice(notify.Notice{
			Kind: kind, ID: fmt.Sprintf("device/%s/%d", after.ID, at.UnixMicro()), Number: after.Number, Account: after.Account, At: at,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, task)
	}
	return out, nil
}

// told says of what kinds the notices about a change are.
func told(before, after Device) []notify.Kind {
	switch {
	case before.ID == "" && after.Replaced != "":
		return []notify.Kind{notify.PhoneReplaced}
	case before.ID == "":
		return []notify.Kind{notify.PhoneAdded}
	case after.State == Blocked:
		return toldOfBlock(before, after)
	}
	return toldOfChange(before, after)
}

func toldOfChange(before, after Device) []notify.Kind {
	var out []notify.Kind
	add := func(kind notify.Kind, is bool) {
		if is {
			out = append(out, kind)
		}
	}
	fresh := !after.Password.Set.Equal(before.Password.Set)
	unlocked := before.State == Locked && after.State == Active || fresh && !after.CoolUntil.Equal(before.CoolUntil)
	add(notify.PhoneLocked, before.State == Active && after.State == Locked)
	add(notify.PhoneUnlocked, unlocked)
	add(notify.PhonePassword, fresh && !unlocked)
	add(notify.PhoneRekeyed, after.Key != before.Key)
	add(notify.PhonePINLocked, before.PIN.Over.IsZero() && !after.PIN.Over.IsZero())
	add(notify.PasswordChanged, !before.NotMe.IsZero() && after.NotMe.IsZero())
	return out
}

// toldOfBlock leaves out what the notice of the phone says that took its place.
func toldOfBlock(before, after Device) []notify.Kind {
	if before.State == Blocked || after.Reason == ReasonReplaced {
		return nil
	}
	return []notify.Kind{notify.PhoneBlocked}
}

// untold is a Task's body: a notice that is to be sent.
type untold struct {
	Untold *notify.Notice
}

// untoldKeep is how long it is tried to send it.
const untoldKeep = 7 * 24 * time.Hour

// notice is the task of sending one.
func notice(n notify.Notice) (Task, error) {
	body, err := json.Marshal(untold{&n})
	if err != nil {
		return Task{}, fmt.Errorf("keeping a notice for later: %w", err)
	}
	key := "untold/" + string(n.Kind) + "/" + n.ID
	return Task{Key: key, Account: n.Account, Number: n.Number, Body: body, Keep: untoldKeep}, nil
}

// untoldIn returns the notice of which a Task's body speaks, if it is one.
func untoldIn(body []byte) (notify.Notice, bool) {
	var u untold
	if json.Unmarshal(body, &u) != nil || u.Untold == nil {
		return notify.Notice{}, false
	}
	return *u.Untold, true
}
