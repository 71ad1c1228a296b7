package http_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/extensions/http"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
)

func TestConfig(t *testing.T) {
	const good = "url: https://members.example/lookup\ntoken_file: token\n"
	for config, want := range map[string]string{
		good: "",
		"url: http://127.0.0.1:1/x\ntoken_file: token":          "",
		"url: http://localhost/x\ntoken_file: token":            "",
		"url: http://[::1]/x\ntls: {cert_file: a, key_file: b}": "",
		"token_file: token":                                    "url is missing",
		"url: members\ntoken_file: token":                      "url is no address",
		"url: https://u:p@members.example/\ntoken_file: token": "url is no address",
		"url: https://members.example/?x=y\ntoken_file: token": "url is no address",
		"url: http://members.example/\ntoken_file: token":      "url: master data need https",
		"url: ftp://127.0.0.1/\ntoken_file: token":             "url: master data need https",
		good + "namesakes_url: http://members.example/":        "namesakes_url: master data need https",
		"url: https://members.example/":                        "token_file or tls.cert_file is missing",
		good + "tls: {cert_file: a}":                           "belong together",
		good + "tls: {key_file: a}":                            "belong together",
		good + "timeout: 99ms":                                 "timeout:",
		good + "timeout: 11s":                                  "timeout:",
		good + "keep: 61s":                                     "keep:",
		good + "keep: -1s":                                     "keep:",
		good + "token: geheim":                                 "token",
		good + "tls: {insecure: true}":                         "insecure",
		"timeout: 0s\nkeep: 61s":                               "url is missing: the address of the look-up\ntoken_file or tls.cert_file is missing: the service must know who asks\ntimeout: 0s is not from 100ms to 10s\nkeep: 1m1s",
	} {
		err := http.Factory().Check(extensiontest.Decoder(config))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}

func TestFilesAreNamed(t *testing.T) {
	got := http.Factory().Files(extensiontest.Decoder(
		"url: https://members.example/\ntoken_file: t\ntls: {ca_file: a, cert_file: c, key_file: k}"))
	if diff := cmp.Diff([]string{"t", "a", "c", "k"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatDeservesASecondThought(t *testing.T) {
	const good = "url: https://members.example/lookup\ntoken_file: token\n"
	for config, want := range map[string]string{
		good: "namesakes_url: ",
		good + "namesakes_url: https://members.example/namesakes": "",
	} {
		got := strings.Join(http.Factory().Warnings(extensiontest.Decoder(config)), "\n")
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q", config, got)
		}
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	s := prepare(t)
	s.write("empty", nil)
	for config, want := range map[string]string{
		"url: https://x.example/\ntoken_file: " + s.file("none"):                                                "none",
		"url: https://x.example/\ntoken_file: " + s.file("empty"):                                               "holds no token",
		"url: https://x.example/\ntoken_file: " + s.file("token") + "\ntls: {ca_file: " + s.file("none") + "}":  "none",
		"url: https://x.example/\ntoken_file: " + s.file("token") + "\ntls: {ca_file: " + s.file("empty") + "}": "holds no certificate",
		"url: https://x.example/\ntls: {cert_file: " + s.file("none") + ", key_file: " + s.file("none") + "}":   "client certificate",
	} {
		if _, err := http.Factory().Open(t.Context(), s.Host, extensiontest.Decoder(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
}
