package approval_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/schleuse/schleuse/sidecar/approval"
)

// FuzzWord looks for a payload that approves and is not exactly an approval.
func FuzzWord(f *testing.F) {
	hash := approval.HashOf([]byte("x")).String()
	for _, seed := range []string{
		`{"v":1,"request_sha256":"` + hash + `","decision":"approve","match_code":"123","iat":1}`,
		`{"v":1,"request_sha256":"` + hash + `","decision":"approve","iat":1}`,
		`{"v":1,"request_sha256":"` + hash + `","decision":"deny","reason":"not_me","iat":1}`,
		`{"v":1,"request_sha256":"` + hash + `","decision":"deny","decision":"approve","iat":1}`,
		`{"v":1.0,"request_sha256":"` + hash + `","decision":"approve","iat":1e0}`,
		`{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(seed), 3)
		f.Add([]byte(seed), 0)
	}
	f.Fuzz(func(t *testing.T, payload []byte, digits int) {
		request, code, reason := approval.Word(payload, digits)
		if reason != "" {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(payload, &members); err != nil {
			t.Fatalf("approves and is no JSON: %q", payload)
		}
		want := 4
		if digits > 0 {
			want = 5
		}
		text := string(payload)
		if len(members) != want || string(members["decision"]) != `"approve"` && !strings.Contains(text, `\u`) || (code == "") != (digits <= 0) {
			t.Errorf("approves: %q", payload)
		}
		if _, err := approval.ParseHash(request); err != nil {
			t.Errorf("of no request: %q", payload)
		}
	})
}
