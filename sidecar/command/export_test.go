package command

import (
	"context"
	"os"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// MainAs is Main run by another user of the operating system.
func MainAs(uid, name string, factories ...extension.Factory) {
	os.Exit(run(context.Background(), program{
		factories: factories, in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now,
		clerk: func() (clerk, error) { return clerk{uid, name}, nil },
	}, os.Args[1:]))
}

// NamesANumber is namesANumber.
func NamesANumber(text string) bool { return namesANumber(text) }
