package notify

import (
	"context"
	"errors"
)

// Push wakes a phone. It holds nothing of the person, and is a hint only: what
// waits is read from the inbox.
type Push struct {
	Channel string // the pusher's name in the configuration
	Token   string // the push service's name for the app on that phone; secret towards everybody else
	ID      string // an opaque id of what waits, such as that of an approval
}

// Pusher wakes phones over one channel, or over all.
type Pusher interface {
	// Push hands the push over to the service. It returns ErrTokenGone
	// (wrapped) when the token will never work again; any other error is of no
	// consequence for the request that caused it. ctx bounds it.
	Push(ctx context.Context, p Push) error
}

// ErrTokenGone says that the app is no longer on that phone, or has another
// token by now: the registration is to be forgotten.
var ErrTokenGone = errors.New("the push token is gone")
