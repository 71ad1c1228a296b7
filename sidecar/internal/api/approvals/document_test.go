package approvals_test

import (
	"testing"
	"time"

	"github.com/schleuse/schleuse/sidecar/internal/api/apitest"
	"github.com/schleuse/schleuse/sidecar/internal/api/approvals"
)

func TestDocumentAndCodeAgree(t *testing.T) {
	d := apitest.Open(t, approvals.Prefix, approvals.Document)
	d.Compare(t, approvals.Routes(&approvals.Face{Now: time.Now}), approvals.Problems())
}
