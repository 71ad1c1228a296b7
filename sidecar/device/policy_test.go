package device_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/device/devicetest"
)

func TestWhichDevicePasswordsMayBeChosen(t *testing.T) {
	b := devicetest.NewBench(start)
	p, m, _ := begun(t, b)
	for password, want := range map[string]device.Rule{
		"1234567":                     device.TooShort,
		"ääääää7":                     device.TooShort, // characters count, not bytes
		strings.Repeat("ab", 65):      device.TooLong,
		strings.Repeat("ä!", 43):      device.TooLong,
		"u\u0308berflut":              device.NotText,
		"Deich\nTulpe":                device.NotText,
		"Deich\xffTulpe":              device.NotText,
		"A123456780":                  device.IsNumber,
		"a123456780":                  device.IsNumber,
		"123456780":                   device.IsNumber,
		"Kasse 123456780!":            device.IsNumber,
		"aaaaaaaa":                    device.Repeated,
		"AaAaAaAa":                    device.Repeated,
		"        ":                    device.Repeated,
		"12345678":                    device.IsRun,
		"98765432":                    device.IsRun,
		"34567890":                    device.IsRun,
		"abcdefgh":                    device.IsRun,
		"aBcDeFgH":                    device.IsRun,
		"hgfedcba":                    device.IsRun,
		strings.Repeat("ab", 64):      "",
		"übermut7":                    "",
		"12345679":                    "",
		"Deich Tulpe":                 "",
		devicetest.Password:           "",
		"abcdefgha":                   "",
		"\U0001F40C\U0001F40D longer": "",
	} {
		_, err := b.Enrol(t.Context(), b.Caller(), devicetest.Public(p.Key), device.Enrolment{Registration: m, NewPassword: b.Keys.Secret(m, device.ForNewPassword, password)})
		var weak *device.WeakError
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", password, err)
		case want != "" && (!errors.As(err, &weak) || weak.Rule != want || !errors.Is(err, device.ErrWeak)):
			t.Errorf("%q: %v, want %s", password, err, want)
		case err != nil && strings.Contains(err.Error(), password):
			t.Errorf("the error tells %q", password)
		}
		if err == nil {
			p, m, _ = begun(t, b)
			b.Settings.Limit++
		}
	}
}
