package nect_test

import (
	"strings"
	"testing"

	"github.com/schleuse/schleuse/extensions/nect"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/member"
)

func TestConfiguration(t *testing.T) {
	const base = "base_url: https://nect.example\napi_key_file: /k\n"
	for text, want := range map[string]string{
		base:                 "",
		base + "level: high": "",
		base + "callback: {verify: hmac, key_files: [a, b]}":                                                        "",
		base + "levels: {high: {base_url: https://h.example, api_key_file: /h}}\nflows: {recovery: {level: high}}":  "",
		base + "levels: {high: {base_url: https://h.example, api_key_file: /h}}\nflows: {enrolment: {level: high}}": "",
		"levels: {substantial: {base_url: https://h.example, api_key_file: /h}}":                                    "",
		"base_url: http://nect.localhost:1\napi_key_file: /k":                                                       "",
		"": "base_url",
		"base_url: http://nect.example\napi_key_file: /k":       "base_url",
		"base_url: https://u@nect.example\napi_key_file: /k":    "base_url",
		"base_url: https://nect.example":                        "api_key_file",
		base + "level: best":                                    "level",
		base + "procedures: []":                                 "procedures",
		base + "procedures: [A B]":                              "procedure",
		base + "flows: {recovery: {level: high}}":               "no service",
		base + "flows: {other: {level: high}}":                  "no flow",
		base + "timeout: 1m":                                    "timeout",
		base + "per_number: 0":                                  "per_number",
		base + "per_address: 0":                                 "per_address",
		base + "mismatches_per_address: 0":                      "mismatches_per_address",
		base + "per_day: 0":                                     "per_day",
		base + "from_age: 19":                                   "from_age",
		base + "evidence: 23h":                                  "evidence",
		base + "evidence: 90000h":                               "evidence",
		base + "return: elsewhere":                              "return",
		base + "accept_relay: true":                             "accept_relay",
		base + "callback: {verify: none, key_files: [a]}":       "key_files",
		base + "callback: {verify: api_key}":                    "key_files",
		base + "callback: {verify: hmac, key_files: [a, b, c]}": "key_files",
		base + "callback: {verify: trust}":                      "verify",
	} {
		err := nect.Factory().Check(extensiontest.Decoder(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWhatDeservesASecondThought(t *testing.T) {
	const base = "base_url: https://nect.example\napi_key_file: /k\n"
	for text, want := range map[string][]string{
		base:                   nil,
		base + "return: fixed": {"return: fixed is refused", "return: fixed in the flow login"},
		base + "return: fixed\naccept_relay: true": {"accept_relay: whoever", "return: fixed in the flow login"},
	} {
		got := nect.Factory().Warnings(extensiontest.Decoder(text))
		if len(got) != len(want) {
			t.Errorf("%s: %q", text, got)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", text, got[i], want[i])
			}
		}
	}
}

// Where nobody tells of namesakes, "ambiguous" never comes: the log says so.
func TestADirectoryWithoutNamesakesIsTold(t *testing.T) {
	at := newService(t)
	for _, tells := range []bool{true, false} {
		stage := extensiontest.NewStage("nect")
		newDoors(t).arrange(stage)
		if !tells {
			stage.Host.Members = struct{ member.Directory }{stage.Members}
		}
		stage.Open(t, nect.Factory(), at.config("match"))
		if warned := strings.Contains(stage.Log(), "namesakes"); warned == tells {
			t.Errorf("it tells: %v, warned: %v", tells, warned)
		}
	}
}

func TestNoKeyNoStart(t *testing.T) {
	at := newService(t)
	for name, text := range map[string]string{
		"no file":       "base_url: " + at.URL + "\napi_key_file: /nowhere",
		"an empty file": "base_url: " + at.URL + "\napi_key_file: " + at.file(""),
		"no secret":     at.config("match") + "callback: {verify: hmac, key_files: [" + at.file("no base64, no secret") + "]}",
		"no callback's": at.config("match") + "callback: {verify: api_key, key_files: [/nowhere]}",
	} {
		stage := extensiontest.NewStage("nect")
		if _, err := nect.Factory().Open(t.Context(), stage.Host, extensiontest.Decoder(text)); err == nil {
			t.Errorf("%s: it opened", name)
		}
	}
}

func TestCheckReadsTheKeys(t *testing.T) {
	for text, well := range map[string]bool{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz": true, "whsec_no base64!": false, "": false, "whsec_": false, "whsec_b3RoZXI=": false} {
		s := newService(t)
		secret := s.file(text)
		err := nect.Factory().Read(func(into any) error {
			c := into.(*nect.Config)
			c.BaseURL, c.APIKeyFile = "https://nect.example", s.file("key")
			c.Callback = nect.Callback{Verify: nect.HMAC, KeyFiles: []string{secret}}
			return nil
		})
		if (err == nil) != well {
			t.Errorf("%q: %v", text, err)
		}
	}
}
