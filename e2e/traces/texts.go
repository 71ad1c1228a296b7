package traces

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// KeycloakLog is the name of Keycloak's log in a folder of logs. All other
// *.log there are Schleuse's.
const KeycloakLog = "keycloak.log"

// Logs returns what the lines of all logs in the folder say, without their
// time, and the lines of Schleuse's that are no JSON. More logs of Keycloak may
// be named; one named "" is none.
func Logs(dir string, keycloak ...string) (texts, broken []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, nil, err
	}
	for _, file := range append(files, keycloak...) {
		if file == "" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		for line := range strings.Lines(string(content)) {
			if filepath.Base(file) == KeycloakLog {
				texts = append(texts, frame.ReplaceAllString(clock.ReplaceAllString(line, ""), "$1)"))
				continue
			}
			text, err := entry(line)
			if err != nil && strings.HasSuffix(line, "\n") { // else cut off by a kill
				broken = append(broken, line)
			}
			texts = append(texts, text)
		}
	}
	return texts, broken, nil
}

// clock is the time at the beginning of a line of Keycloak's.
var clock = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ `)

// frame is where in the program a call stands, in a stack of Java's: the number
// is that of a line of source.
var frame = regexp.MustCompile(`^(\s+at .*\([A-Za-z0-9_$]+\.java):\d+\)`)

// entry is a line of Schleuse's without its time; as it is when it is no JSON.
func entry(line string) (string, error) {
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		return line, fmt.Errorf("reading a line of the log: %w", err)
	}
	delete(entry, "time")
	text, err := json.Marshal(entry)
	return string(text), err
}

// Labels returns the values of the metrics' labels, but for those that are
// bounds of buckets. What is counted may be any number.
func Labels(metrics string) []string {
	var values []string
	for _, m := range label.FindAllStringSubmatch(metrics, -1) {
		if m[1] != "le" && m[1] != "quantile" {
			values = append(values, m[2])
		}
	}
	return values
}

var label = regexp.MustCompile(`([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"`)

// Unfold returns an address, and what its parameters hold when they are
// decoded: percent-encoding, and base64 as tokens and Keycloak's client_data use it.
func Unfold(address string) []string {
	texts := []string{address}
	decoded, err := url.QueryUnescape(address)
	if err == nil {
		texts = append(texts, decoded)
	}
	parts := strings.FieldsFunc(decoded, func(r rune) bool { return strings.ContainsRune("?&=#./", r) })
	for _, part := range parts {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "=")); err == nil {
			texts = append(texts, string(raw))
		}
	}
	return texts
}
