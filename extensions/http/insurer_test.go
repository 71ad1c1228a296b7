package http_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	stdhttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/schleuse/schleuse/extensions/http"
	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/extension/extensiontest"
	"github.com/schleuse/schleuse/sidecar/ident"
	"github.com/schleuse/schleuse/sidecar/member"
	"github.com/schleuse/schleuse/sidecar/member/membertest"
)

const (
	anna  member.KVNR = "A123456780"
	bernd member.KVNR = "B123456782"
)

// insurer is a web service as the README describes one.
type insurer struct {
	*testing.T
	server *httptest.Server

	mu     sync.Mutex
	people []member.Member
	token  string                                                  // that it takes
	fault  func(w stdhttp.ResponseWriter, r *stdhttp.Request) bool // false = it answers as usual
	asked  []string                                                // paths
	shown  string                                                  // serial number of the client certificate last seen
}

func (i *insurer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *insurer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

// ServeHTTP implements net/http.Handler.
func (i *insurer) ServeHTTP(w stdhttp.ResponseWriter, r *stdhttp.Request) {
	raw, err := io.ReadAll(r.Body) // only then does net/http notice who hangs up
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	i.mu.Lock()
	i.asked = append(i.asked, r.URL.String())
	if len(r.TLS.PeerCertificates) > 0 {
		i.shown = r.TLS.PeerCertificates[0].SerialNumber.String()
	}
	token, fault, people := i.token, i.fault, slices.Clone(i.people)
	i.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(stdhttp.StatusUnauthorized)
		return
	}
	i.answer(w, r, people)
}

func (i *insurer) answer(w stdhttp.ResponseWriter, r *stdhttp.Request, people []member.Member) {
	raw, err := io.ReadAll(r.Body)
	var question map[string]string
	if err == nil {
		err = json.Unmarshal(raw, &question)
	}
	if err != nil || len(question) != 1 || r.Method != stdhttp.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		i.Errorf("%s %s: %v", r.Method, raw, err)
	}
	at := slices.IndexFunc(people, func(m member.Member) bool { return string(m.KVNR) == question["kvnr"] })
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if at < 0 {
		w.WriteHeader(stdhttp.StatusNotFound)
		return
	}
	var body any = record(people[at])
	if r.URL.Path == "/namesakes" {
		found := []any{}
		for _, m := range people {
			if ident.Namesake(people[at], m) && len(found) < member.MaxNamesakes {
				found = append(found, record(m))
			}
		}
		body = map[string]any{"members": found}
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		i.Error(err)
	}
}

// record writes a member as the README describes one.
func record(m member.Member) map[string]any {
	statuses := []string{"", "active", "not_yet", "left", "deceased", "under_age", "represented"}
	states := []string{"", "active", "ordered", "blocked"}
	var cards []map[string]string
	for _, c := range m.Cards {
		cards = append(cards, map[string]string{"last4": c.LastFour, "valid_from": c.ValidFrom.Format(time.DateOnly), "state": states[c.State]})
	}
	slices.Reverse(cards) // the service need not sort them
	return map[string]any{
		"kvnr": string(m.KVNR), "status": statuses[m.Status], "surname": m.Surname, "given": m.Given, "birth_name": m.BirthName,
		"birth_date": m.BirthDate, "has_address": m.HasAddress, "postcode": m.Postcode, "mail": m.Mail, "cards": cards,
	}
}

// stage is a directory in front of an insurer's service.
type stage struct {
	*testing.T
	*extensiontest.Stage
	*insurer
	dir   string
	parts extension.Parts
}

func prepare(t *testing.T, people ...member.Member) *stage {
	t.Helper()
	s := &stage{T: t, Stage: extensiontest.NewStage("members"), insurer: &insurer{T: t, people: people, token: "t0ken"}, dir: t.TempDir()}
	s.server = httptest.NewUnstartedServer(s.insurer)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	s.write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}))
	s.write("token", []byte("t0ken\n"))
	return s
}

func (s *stage) file(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) write(name string, content []byte) {
	s.Helper()
	if err := os.WriteFile(s.file(name), content, 0o600); err != nil {
		s.Fatal(err)
	}
}

// config is the usual configuration, with further lines.
func (s *stage) config(more string) string {
	return "url: " + s.server.URL + "/lookup\ntoken_file: " + s.file("token") + "\ntls: {ca_file: " + s.file("ca.pem") + "}\n" + more
}

func open(t *testing.T, more string, people ...member.Member) *stage {
	t.Helper()
	s := prepare(t, people...)
	s.parts = s.Open(t, http.Factory(), s.config(more))
	return s
}

// person is one of the suite's people.
func person(number member.KVNR) member.Member {
	people := membertest.People()
	return people[slices.IndexFunc(people, func(m member.Member) bool { return m.KVNR == number })]
}

// certificate writes a client certificate of this serial number.
func (s *stage) certificate(serial int64) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "schleuse"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.Fatal(err)
	}
	s.write("client.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	s.write("client-key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
