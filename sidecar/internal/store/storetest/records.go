package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/fault"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
)

var recordTests = map[string]func(*testing.T, *fixture){
	"compare and set": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		data, v0, err := r.Get(t.Context(), "p")
		if err != nil || data != nil || v0 != 0 {
			t.Fatalf("%s, %d, %v", data, v0, err)
		}
		wantErr(t, r.Put(t.Context(), "p", 5, json.RawMessage(`1`), time.Hour), extension.ErrStale)
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`{"n": 1}`), time.Hour))
		wantErr(t, r.Put(t.Context(), "p", 0, json.RawMessage(`2`), time.Hour), extension.ErrStale)
		data, v1, err := f.one(1).Records("egk").Get(t.Context(), "p")
		if err != nil || string(data) != `{"n":1}` && string(data) != `{"n": 1}` || v1 == 0 {
			t.Fatalf("%s, %d, %v", data, v1, err)
		}
		must(t, r.Put(t.Context(), "p", v1, json.RawMessage(`2`), time.Hour))
		wantErr(t, r.Put(t.Context(), "p", v1, json.RawMessage(`3`), time.Hour), extension.ErrStale)
	},
	"each extension and person has its own": func(t *testing.T, f *fixture) {
		must(t, f.one(0).Records("egk").Put(t.Context(), "p", 0, json.RawMessage(`1`), time.Hour))
		for _, o := range []struct{ extension, person string }{{"nect", "p"}, {"egk", "q"}, {"eg", "kp"}} {
			if data, v, err := f.one(0).Records(o.extension).Get(t.Context(), o.person); err != nil || data != nil || v != 0 {
				t.Errorf("%+v: %s, %d, %v", o, data, v, err)
			}
		}
	},
	"deleting and making anew does not bring back a version": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`1`), time.Hour))
		_, v, err := r.Get(t.Context(), "p")
		must(t, err)
		must(t, r.Put(t.Context(), "p", v, nil, 0))
		if data, none, err := r.Get(t.Context(), "p"); err != nil || data != nil || none != 0 {
			t.Fatalf("deleted, and there is %s, %d, %v", data, none, err)
		}
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`1`), time.Hour))
		wantErr(t, r.Put(t.Context(), "p", v, json.RawMessage(`2`), time.Hour), extension.ErrStale)
	},
	"a record lives as long as it is kept": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`1`), time.Hour))
		f.clock.Add(time.Hour)
		if data, v, err := r.Get(t.Context(), "p"); err != nil || data != nil || v != 0 {
			t.Fatalf("%s, %d, %v", data, v, err)
		}
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`2`), time.Hour))
	},
	"of many puts of one version one succeeds": func(t *testing.T, f *fixture) {
		for _, version := range []int64{0, 1} {
			if version != 0 {
				var err error
				_, version, err = f.one(0).Records("egk").Get(t.Context(), "p")
				must(t, err)
			}
			errs := race(racers, func(i int) error {
				return f.one(i).Records("egk").Put(t.Context(), "p", version, json.RawMessage(fmt.Sprint(i)), time.Hour)
			})
			if first, _ := count(t, errs, extension.ErrStale); first != 1 {
				t.Errorf("%d succeeded", first)
			}
		}
	},
	"rotations of both keys lose nothing": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`1`), 240*time.Hour))
		f.rotate(t, keyring.Index)
		f.rotate(t, keyring.Seal)
		data, v, err := r.Get(t.Context(), "p")
		if err != nil || string(data) != "1" {
			t.Fatalf("%s, %v", data, err)
		}
		wantErr(t, r.Put(t.Context(), "p", 0, json.RawMessage(`2`), time.Hour), extension.ErrStale)
		must(t, r.Put(t.Context(), "p", v, json.RawMessage(`2`), 240*time.Hour))
		f.retireOld(t, keyring.Index)
		f.retireOld(t, keyring.Seal)
		if data, _, err := f.one(1).Records("egk").Get(t.Context(), "p"); err != nil || string(data) != "2" {
			t.Errorf("after retiring the old keys: %s, %v", data, err)
		}
	},
	"a record under a retired key is replaced": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`1`), 240*time.Hour))
		f.rotate(t, keyring.Seal)
		f.retireOld(t, keyring.Seal)
		if data, v, err := r.Get(t.Context(), "p"); err != nil || data != nil || v != 0 {
			t.Fatalf("%s, %d, %v", data, v, err)
		}
		must(t, r.Put(t.Context(), "p", 0, json.RawMessage(`2`), time.Hour))
	},
	"what no record may be": func(t *testing.T, f *fixture) {
		r := f.one(0).Records("egk")
		wantKind(t, r.Put(t.Context(), "p", 0, json.RawMessage(`"`+strings.Repeat("x", 64<<10)+`"`), time.Hour), fault.TooLarge)
		if r.Put(t.Context(), "p", 0, json.RawMessage(`{`), time.Hour) == nil {
			t.Error("broken JSON is stored")
		}
		if r.Put(t.Context(), "p", 0, json.RawMessage(`1`), 0) == nil {
			t.Error("a record is kept for no time")
		}
		if r.Put(t.Context(), "", 0, json.RawMessage(`1`), time.Hour) == nil {
			t.Error("a record of nobody is stored")
		}
	},
}
