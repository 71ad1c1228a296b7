package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

func (p program) keys() *cobra.Command {
	return group("keys", "Make, list, rotate and retire keys",
		`The key file holds one or more versions of a key for each purpose. Running
processes notice a changed file by themselves; every replica must get the same one.`,
		p.keysInit(), p.keysList(), p.keysRotate(), p.keysRetire())
}

func (p program) keysInit() *cobra.Command {
	return &cobra.Command{
		Use: "init FILE", Short: "Make a new key file", Args: exactly(1),
		Long:    `Makes a key file with one key for each purpose, readable by its owner alone. A file that is there stays as it is.`,
		Example: "  schleuse keys init /run/secrets/schleuse/keys.json",
		RunE: func(_ *cobra.Command, args []string) error {
			file := args[0]
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is there already: what was sealed with its keys would be lost. Use keys rotate, or another name", file)
			}
			if err := keyring.Generate(p.now()).Save(file); err != nil {
				return fmt.Errorf("making the key file: %w", err)
			}
			fmt.Fprintf(p.out, "%s made. Keep a copy in a safe place: without it the database cannot be read.\n", file)
			fmt.Fprintf(p.out, "Next: set keys_file to it, then schleuse check\n")
			return nil
		},
	}
}

func (p program) keysList() *cobra.Command {
	return &cobra.Command{
		Use: "list FILE", Short: "List the keys, without showing them", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ring, err := p.ring(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%-16s %-10s %-21s %s\n", "PURPOSE", "ID", "MADE", "STATE")
			for _, purpose := range keyring.Purposes() {
				for _, info := range ring.List(purpose) {
					fmt.Fprintf(p.out, "%-16s %-10s %-21s %s\n", purpose, info.ID, info.Created.UTC().Format(time.RFC3339), p.state(info))
				}
			}
			return nil
		},
	}
}

func (p program) state(info keyring.Info) string {
	switch {
	case info.Primary:
		return "in use"
	case info.Active.After(p.now()):
		return "in use from " + info.Active.UTC().Format(time.RFC3339)
	}
	return "only read"
}

func (p program) keysRotate() *cobra.Command {
	return &cobra.Command{
		Use: "rotate FILE PURPOSE", Short: "Add a new version of a key", Args: exactly(2),
		Long: `Adds a new version of the key for PURPOSE, or for all of them with "all". It is
only read at first and is in use ` + keyring.ActivationDelay.String() + ` later: give every replica the changed file
before that. Older versions go on opening what was sealed with them.

Purposes: ` + purposes(),
		Example: "  schleuse keys rotate keys.json seal\n  schleuse keys rotate keys.json all",
		RunE: func(_ *cobra.Command, args []string) error {
			wanted, err := wantedPurposes(args[1])
			if err != nil {
				return err
			}
			ring, err := p.ring(args[0])
			if err != nil {
				return err
			}
			for _, purpose := range wanted {
				id, err := ring.Rotate(purpose, p.now())
				if err != nil {
					return fmt.Errorf("rotating %s: %w", purpose, err)
				}
				fmt.Fprintf(p.out, "%s: %s is in use from %s\n", purpose, id, p.now().Add(keyring.ActivationDelay).UTC().Format(time.RFC3339))
			}
			if err := ring.Save(args[0]); err != nil {
				return fmt.Errorf("writing the key file: %w", err)
			}
			fmt.Fprintln(p.out, "Next: give every replica this file before that time.")
			return nil
		},
	}
}

func (p program) keysRetire() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "retire FILE PURPOSE ID", Short: "Remove a version of a key for good", Args: exactly(3),
		Long: `Removes a version that is no longer in use. What depends on it is lost for
good; without --yes it is only said what that is.`,
		Example: "  schleuse keys list keys.json\n  schleuse keys retire --yes keys.json seal 1f2e3d4c",
		RunE: func(_ *cobra.Command, args []string) error {
			purpose := keyring.Purpose(args[1])
			if !purpose.Valid() {
				return usageError{fmt.Errorf("no purpose %q; there are %s", args[1], purposes())}
			}
			ring, err := p.ring(args[0])
			if err != nil {
				return err
			}
			voids, err := ring.Retire(purpose, keyring.KeyID(args[2]), p.now())
			if err != nil {
				return fmt.Errorf("retiring %s %s: %w", purpose, args[2], err)
			}
			if !yes {
				return fmt.Errorf("nothing was done. Retiring %s %s voids: %s. Say --yes if that is meant", purpose, args[2], voids)
			}
			if err := ring.Save(args[0]); err != nil {
				return fmt.Errorf("writing the key file: %w", err)
			}
			fmt.Fprintf(p.out, "%s %s is retired. Lost: %s\n", purpose, args[2], voids)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "really remove it")
	return c
}

func (p program) ring(file string) (*keyring.Ring, error) {
	ring, err := keyring.Load(file)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	ring.Now = p.now
	return ring, nil
}

func purposes() string {
	var names []string
	for _, p := range keyring.Purposes() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

func wantedPurposes(word string) ([]keyring.Purpose, error) {
	if word == "all" {
		return keyring.Purposes(), nil
	}
	if p := keyring.Purpose(word); slices.Contains(keyring.Purposes(), p) {
		return []keyring.Purpose{p}, nil
	}
	return nil, usageError{fmt.Errorf("no purpose %q; there are all, %s", word, purposes())}
}
