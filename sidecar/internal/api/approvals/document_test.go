package approvals_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/api/apitest"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
)

func TestDocumentAndCodeAgree(t *testing.T) {
	d := apitest.Open(t, approvals.Prefix, approvals.Document)
	d.Compare(t, approvals.Routes(&approvals.Face{Now: time.Now}), approvals.Problems())
}

func TestDocumentIsServed(t *testing.T) {
	w := newWorld(t)
	a := w.do(w.request("GET", "/openapi.yaml", "", "Authorization", ""))
	if a.status != http.StatusOK || a.body != string(approvals.Document) || a.header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v", a.status, a.header)
	}
}
