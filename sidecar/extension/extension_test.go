package extension_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/extension"
)

type config struct{ A, B string }

func (c config) Files() []string { return []string{c.A, c.B} }

func (c config) Warnings() []string { return []string{"a: think of " + c.B} }

var errInvalid = errors.New("b is wrong")

func (c config) Validate() error {
	if c.B == "wrong" {
		return errInvalid
	}
	return nil
}

func TestDefine(t *testing.T) {
	var opened []config
	f := extension.Define("kind", func() config { return config{A: "default", B: "default"} },
		func(_ context.Context, host extension.Host, c config) (extension.Parts, error) {
			if host.Name != "mine" {
				t.Errorf("host %q", host.Name)
			}
			opened = append(opened, c)
			return extension.Parts{}, nil
		})
	sets := func(b string, err error) func(any) error {
		return func(into any) error {
			into.(*config).B = b
			return err
		}
	}
	errDecode := errors.New("line 3")
	for name, c := range map[string]struct {
		decode func(any) error
		want   error
	}{
		"good":        {sets("set", nil), nil},
		"undecodable": {sets("set", errDecode), errDecode},
		"invalid":     {sets("wrong", nil), errInvalid},
	} {
		if err := f.Check(c.decode); !errors.Is(err, c.want) {
			t.Errorf("%s: Check: %v, want %v", name, err, c.want)
		}
		var files, warnings []string
		if c.want == nil {
			files, warnings = []string{"default", "set"}, []string{"a: think of set"}
		}
		if diff := cmp.Diff(warnings, f.Warnings(c.decode)); diff != "" {
			t.Errorf("%s: Warnings (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(files, f.Files(c.decode)); diff != "" {
			t.Errorf("%s: Files (-want +got):\n%s", name, diff)
		}
		if _, err := f.Open(t.Context(), extension.Host{Name: "mine"}, c.decode); !errors.Is(err, c.want) {
			t.Errorf("%s: Open: %v, want %v", name, err, c.want)
		}
	}
	if diff := cmp.Diff([]config{{A: "default", B: "set"}}, opened); diff != "" || f.Kind != "kind" {
		t.Errorf("kind %q, opened (-want +got):\n%s", f.Kind, diff)
	}
}
