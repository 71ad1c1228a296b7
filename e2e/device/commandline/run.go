package commandline

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/schleuse/schleuse/e2e/device"
)

// Exit codes.
const (
	failed  = 1
	misused = 2
)

// Run is the command; it returns the exit code: 0 done, 1 refused or failed, 2
// wrong command line.
func Run(ctx context.Context, args []string, out, complaints io.Writer) int {
	err := do(ctx, args, out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage())
		return 0
	}
	fmt.Fprintln(complaints, "device:", err)
	var wrong misuse
	if errors.As(err, &wrong) {
		return misused
	}
	return failed
}

// misuse is a wrong command line.
type misuse string

func (m misuse) Error() string { return string(m) + "; --help says more" }

func do(ctx context.Context, args []string, out io.Writer) error {
	o, rest, err := read(args)
	if err != nil {
		return err
	}
	c, err := choose(o, rest)
	if err != nil {
		return err
	}
	phone, err := device.LoadOrNew(o.state, o.base)
	if err != nil {
		return err
	}
	result, err := c.do(ctx, phone, o)
	if saved := phone.Save(o.state); saved != nil {
		return errors.Join(err, saved)
	}
	if err != nil || result == nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// choose finds the command and reads its argument.
func choose(o *options, words []string) (command, error) {
	if len(words) == 0 {
		return command{}, flag.ErrHelp
	}
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == words[0] })
	if i < 0 {
		return command{}, misuse("there is no command " + words[0])
	}
	c := commands()[i]
	switch words = words[1:]; {
	case len(words) > 1, c.id == required && len(words) == 0, c.id == none && len(words) > 0:
		return command{}, misuse("wrong number of arguments")
	case len(words) == 1:
		o.id = words[0]
	}
	return c, nil
}

// options are what the command line says.
type options struct {
	state, base, url                      string
	token, name, platform, replaces       string
	password, pin, next, code, reason, id string
	channel, pushToken, mark, before      string
	wait, limit                           int
	flags                                 *flag.FlagSet
}

// read reads the options; those after the command are read by more.
func read(args []string) (*options, []string, error) {
	o := &options{flags: flag.NewFlagSet("device", flag.ContinueOnError)}
	f := o.flags
	f.SetOutput(io.Discard)
	f.StringVar(&o.state, "state", "phone.json", "file of this phone, for its owner alone")
	f.StringVar(&o.base, "base", "", "address of the Device API, for a new phone")
	f.StringVar(&o.url, "url", "", "address of the login's token endpoint")
	f.StringVar(&o.token, "token", os.Getenv("DEVICE_TOKEN"), "access token of a login that was asked with what key answers ($DEVICE_TOKEN)")
	f.StringVar(&o.password, "password", os.Getenv("DEVICE_PASSWORD"), "2FA device password ($DEVICE_PASSWORD)")
	f.StringVar(&o.pin, "pin", os.Getenv("DEVICE_PIN"), "PIN of the app ($DEVICE_PIN)")
	f.StringVar(&o.next, "new", os.Getenv("DEVICE_NEW"), "the new secret of passwd, pin, login-password ($DEVICE_NEW)")
	f.StringVar(&o.name, "name", "Telefon", "name of this phone")
	f.StringVar(&o.replaces, "replaces", "", "id of the person's phone whose place this one takes")
	f.StringVar(&o.platform, "platform", "other", "android, ios or other")
	f.StringVar(&o.code, "code", "", "match code as shown on the other screen")
	f.StringVar(&o.reason, "reason", "", "of a denial: by_person or not_me")
	f.StringVar(&o.channel, "channel", "fcm", "push channel")
	f.StringVar(&o.pushToken, "push-token", "", "push token; empty: forget it")
	f.StringVar(&o.mark, "mark", "", "of the inbox seen last")
	f.StringVar(&o.before, "before", "", "history before this request")
	f.IntVar(&o.wait, "wait", 0, "seconds to wait for a change of the inbox, at most 60")
	f.IntVar(&o.limit, "limit", 20, "entries of the history")
	rest, err := o.more(args)
	return o, rest, err
}

// more reads options up to the first argument that is none, and again after it.
func (o *options) more(args []string) ([]string, error) {
	var words []string
	for {
		if err := o.flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, misuse(err.Error())
		}
		if o.flags.NArg() == 0 {
			return words, nil
		}
		words = append(words, o.flags.Arg(0))
		args = o.flags.Args()[1:]
	}
}

func usage() string {
	var b strings.Builder
	b.WriteString("A phone on the command line (sidecar/device/PROTOCOL.md).\n\nUsage: device [--state FILE] COMMAND [ID] [options]\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-15s %s\n", c.name+map[argument]string{required: " ID", optional: " [ID]"}[c.id], c.about)
	}
	b.WriteString("\nOptions:\n")
	o, _, err := read(nil)
	if err != nil {
		panic(err) // nothing was read
	}
	o.flags.VisitAll(func(f *flag.Flag) { fmt.Fprintf(&b, "  --%-12s %s\n", f.Name, f.Usage) })
	b.WriteString("\nExit codes: 0 done, 1 refused or failed (the problem is named), 2 wrong command line.\n")
	return b.String()
}
