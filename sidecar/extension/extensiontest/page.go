package extensiontest

import (
	"testing"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
)

// Page makes sure that a page which an extension shows outside any attempt can
// be shown in both languages.
func Page(t *testing.T, parts extension.Parts, v flow.View) {
	t.Helper()
	newJudge(t, flow.Behind, parts).view(t, v)
}
