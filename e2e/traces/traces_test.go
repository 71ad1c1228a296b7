package traces_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/e2e/stage"
	"github.com/schleuse/schleuse/e2e/traces"
)

func TestWhatIsPersonalWouldBeFound(t *testing.T) {
	s := traces.Of([]stage.Person{{Name: "Ida Muster", Number: "A123456780", Password: "streng-geheim", Digits: "0042"}}).
		And([]string{"ABCD-EFGH"}, []string{"123456", "123 456"})
	for _, text := range []string{
		"GET /a123456780", "A123 456 780", "streng-geheim", "ida muster", `"typed":"0042"`, "/code?abcd-efgh", `"code":"123456"`, "code 123 456",
	} {
		if s.OrDigitsIn(text) == "" {
			t.Errorf("nothing is found in %q", text)
		}
	}
	for _, text := range []string{"127.0.0.1:50042", "80042", "nothing", "5e1c-0042-9f", "a0042b", "0.123456", "A123456B"} {
		if found := s.OrDigitsIn(text); found != "" {
			t.Errorf("%q is found in %q", found, text)
		}
	}
	metrics := `schleuse_x_total{step="egk",typed="0042"} 1` + "\n" + `schleuse_x_bucket{le="0042"} 0042`
	if got := traces.Labels(metrics); !slices.Equal(got, []string{"egk", "0042"}) {
		t.Errorf("labels %q", got)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"preferred_username":"a123456780"}`))
	found := ""
	for _, text := range traces.Unfold("http://login.localhost/logout?id_token_hint=x." + token + ".y") {
		found += s.In(text)
	}
	if found == "" {
		t.Error("a number inside a token in an address is not found")
	}
}

func TestLogsAreReadWithoutTheirTime(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"schleuse-1.log":   `{"time":"2026-11-24T10:00:42Z","msg":"ready"}` + "\nnot JSON\n" + `{"msg":"cut`,
		traces.KeycloakLog: "2026-11-24 10:00:42,0042 INFO ready\n\tat a.b.Reader.read(Reader.java:0042)\nat 0042 (Reader.java:0042)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts, broken, err := traces.Logs(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"INFO ready\n", "\tat a.b.Reader.read(Reader.java)\n", "at 0042 (Reader.java:0042)\n", `{"msg":"ready"}`, "not JSON\n", `{"msg":"cut`}, texts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"not JSON\n"}, broken); diff != "" {
		t.Error(diff)
	}
}
