package relying_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/relying"
)

func TestSettingsThatCannotWork(t *testing.T) {
	good := func() relying.Settings {
		return relying.Settings{
			Name: "my", PublicURL: &url.URL{Scheme: "https", Host: "login.example"}, Prefix: "/schleuse/my/", Home: "/schleuse/my/devices",
			SessionCookie: "__Host-a", LoginCookie: "__Host-b-", Issuer: "https://login.example/realms/kasse", ClientID: "my",
			Idle: 10 * time.Minute, Absolute: 30 * time.Minute, MaxAge: 15 * time.Minute,
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*relying.Settings){
		"no name":           func(s *relying.Settings) { s.Name = "" },
		"no public URL":     func(s *relying.Settings) { s.PublicURL = nil },
		"a path":            func(s *relying.Settings) { s.PublicURL.Path = "/app" },
		"plain http":        func(s *relying.Settings) { s.PublicURL.Scheme = "http" },
		"no issuer":         func(s *relying.Settings) { s.Issuer = "" },
		"no client":         func(s *relying.Settings) { s.ClientID = "" },
		"no idle time":      func(s *relying.Settings) { s.Idle = 0 },
		"idle for too long": func(s *relying.Settings) { s.Idle = 31 * time.Minute },
		"no prefix":         func(s *relying.Settings) { s.Prefix = "" },
		"half a prefix":     func(s *relying.Settings) { s.Prefix = "/schleuse" },
		"half a second":     func(s *relying.Settings) { s.MaxAge = 1500 * time.Millisecond },
		"a loose cookie":    func(s *relying.Settings) { s.SessionCookie = "session" },
		"a loose login":     func(s *relying.Settings) { s.LoginCookie = "" },
	} {
		s := good()
		spoil(&s)
		if s.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (relying.Settings{}).Validate(); err == nil || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("not all errors at once: %v", err)
	}
}
