package phones_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
	"github.com/schleuse/schleuse/sidecar/internal/keyring"
	"github.com/schleuse/schleuse/sidecar/internal/phones"
	"github.com/schleuse/schleuse/sidecar/internal/store"
	"github.com/schleuse/schleuse/sidecar/internal/store/storetest"
)

var start = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

func TestAPepperIsFoundByItsVersionAfterARotation(t *testing.T) {
	now := start
	ring := keyring.Generate(now)
	ring.Now = func() time.Time { return now }
	k := phones.Keys{Ring: ring}
	old, version, err := k.Pepper("", "d", []byte("secret"))
	if err != nil || version == "" {
		t.Fatal(version, err)
	}
	if _, err := ring.Rotate(keyring.Pepper, now); err != nil {
		t.Fatal(err)
	}
	now = now.Add(keyring.ActivationDelay)
	again, used, err := k.Pepper(version, "d", []byte("secret"))
	if err != nil || used != version || !bytes.Equal(old, again) {
		t.Errorf("%x by %s, %v", again, used, err)
	}
	if newer, used, err := k.Pepper("", "d", []byte("secret")); err != nil || used == version || bytes.Equal(old, newer) {
		t.Errorf("%x by %s, %v", newer, used, err)
	}
	if _, _, err := k.Pepper("00000000", "d"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("err = %v", err)
	}
}

func TestWhatAPhoneSealsOpensBesideItsMessageAlone(t *testing.T) {
	ring := keyring.Generate(start)
	k := phones.Keys{Ring: ring}
	id, to := ring.SealTo()
	p := devicetest.NewPhone()
	m, other := p.Message(device.Order, 1), p.Message(device.Order, 2)
	s := devicetest.Seal(string(id), to, m, device.ForPIN, "123")
	open := func(key string, m device.Message, p device.Purpose) ([]byte, error) {
		return k.OpenSealed(key, s.Enc, []byte(device.SealInfo), device.SealAAD(m, p), s.Box)
	}
	if plain, err := open(string(id), m, device.ForPIN); err != nil || string(plain) != "123" {
		t.Errorf("%q, %v", plain, err)
	}
	for name, c := range map[string]struct {
		key     string
		message device.Message
		purpose device.Purpose
	}{
		"another message": {string(id), other, device.ForPIN},
		"another purpose": {string(id), m, device.ForPassword},
		"another key":     {"00000000", m, device.ForPIN},
	} {
		if plain, err := open(c.key, c.message, c.purpose); err == nil {
			t.Errorf("%s: %q", name, plain)
		}
	}
	if plain, err := k.Open(k.Seal([]byte("x"), []byte("a")), []byte("a")); err != nil || string(plain) != "x" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := k.Open(k.Seal([]byte("x"), []byte("a")), []byte("b")); err == nil {
		t.Error("opens elsewhere")
	}
}

func TestATaskIsDoneAndIsAboutItsPerson(t *testing.T) {
	s := storetest.Open(t, func() time.Time { return start })
	tasks := phones.Tasks{Outbox: s.Outbox("devices")}
	task := device.Task{Key: "not_me/1", Account: "erika-1", Number: "A123456780", Body: []byte("body"), Keep: time.Hour}
	for range 2 {
		if err := tasks.Queue(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := s.Held(t.Context(), store.Person{Number: "A123456780"}); err != nil || len(h.Messages) != 1 {
		t.Errorf("%+v, %v", h.Messages, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := 0
	err := tasks.Run(ctx, func(_ context.Context, body []byte) error {
		done++
		stop()
		if string(body) != "body" {
			t.Errorf("%q", body)
		}
		return nil
	})
	if err != nil || done != 1 {
		t.Errorf("%d, %v", done, err)
	}
}
