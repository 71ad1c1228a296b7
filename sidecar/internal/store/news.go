package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/extension"
)

// PhoneTasks is the name of the outbox of device.Tasks. What people are told of
// their phones is put there, too, in the transaction of the change.
const PhoneTasks = "devices"

// placesOfTasks is how many places there are kept for device.Tasks.Queue: what
// people are told must not take the room of "das war ich nicht".
const placesOfTasks = 1000

// tell queues what the owner of a phone must be told of a change, and reports
// whether there is anything. Where there is no room a change is refused, unless
// the phone may do less by it: then the log says that nobody was told.
func (s devices) tell(ctx context.Context, tx *sql.Tx, before, after device.Device) (told bool, err error) {
	news, err := device.News(before, after, s.now())
	if err != nil {
		return false, answer{err}
	}
	o := s.Outbox(PhoneTasks)
	o.Max -= placesOfTasks
	o.about = extension.Subject{Number: after.Number, Account: after.Account}
	for _, n := range news {
		err := s.queue(ctx, tx, o, n)
		var full answer
		switch {
		case errors.As(err, &full) && after.State != device.Active:
			s.logger().Error("nobody is told what became of a phone: too many messages wait", "device", string(after.ID), "state", after.State.String())
		case err != nil:
			return false, err
		default:
			told = true
		}
	}
	return told, nil
}

func (s devices) queue(ctx context.Context, tx *sql.Tx, o *Outbox, n device.Task) error {
	known, err := o.known(ctx, tx, n.Key)
	if err != nil || known {
		return err
	}
	if err := o.room(ctx, tx); err != nil {
		return err
	}
	return o.insert(ctx, tx, message{n.Key, n.Body}, n.Keep)
}
