package device

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/schleuse/schleuse/sidecar/notify"
)

// untold is a Task's body: a notice that could not be sent when it was due.
type untold struct {
	Untold *notify.Notice
}

// untoldKeep is how long it is tried to send it.
const untoldKeep = 7 * 24 * time.Hour

// tellLater queues a notice whose own queue is full or broken.
func (s *Service) tellLater(ctx context.Context, n notify.Notice) error {
	body, err := json.Marshal(untold{&n})
	if err != nil {
		return fmt.Errorf("keeping a notice for later: %w", err)
	}
	key := "untold/" + string(n.Kind) + "/" + n.ID
	return s.Tasks.Queue(ctx, Task{Key: key, Account: n.Account, Number: n.Number, Body: body, Keep: untoldKeep})
}

// untoldIn returns the notice of which a Task's body speaks, if it is one.
func untoldIn(body []byte) (notify.Notice, bool) {
	var u untold
	if json.Unmarshal(body, &u) != nil || u.Untold == nil {
		return notify.Notice{}, false
	}
	return *u.Untold, true
}
