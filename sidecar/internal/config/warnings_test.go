package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/internal/config"
)

func TestPhonesOfWhichNobodyIsToldAreWarnedOf(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  config.Config
		want bool
	}{
		"no phones":   {config.Config{}, false},
		"only woken":  {config.Config{Devices: &config.Devices{}, Notifiers: []config.Notifier{{Kind: "fcm"}, {Kind: "apns"}, {Kind: "webhook"}}}, true},
		"woken, told": {config.Config{Devices: &config.Devices{}, Notifiers: []config.Notifier{{Kind: "fcm"}, {Kind: "letter"}}}, false},
		"told nobody": {config.Config{Devices: &config.Devices{}}, true},
		"told":        {config.Config{Devices: &config.Devices{}, Notifiers: []config.Notifier{{Kind: "mail"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := slices.ContainsFunc(tt.cfg.Warnings(), func(w string) bool { return strings.HasPrefix(w, "notifiers: ") })
			if got != tt.want {
				t.Errorf("warned %v: %q", got, tt.cfg.Warnings())
			}
		})
	}
}
