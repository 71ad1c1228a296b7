package apitest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/schleuse/schleuse/sidecar/internal/api"
)

// Document is the description of an API below a prefix.
type Document struct {
	prefix string
	spec   *openapi3.T
}

// Open reads a document, which must be valid.
func Open(t testing.TB, prefix string, yaml []byte) *Document {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(yaml)
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return &Document{prefix, spec}
}

// Compare says where the document and the code differ in routes, or in the
// problems and their statuses.
func (d *Document) Compare(t testing.TB, routes []api.Route, problems []api.Problem) {
	t.Helper()
	var have, documented []string
	for _, r := range routes {
		have = append(have, r.Method+" "+r.Path)
	}
	told := map[string]int{}
	for path, item := range d.spec.Paths.Map() {
		for method, o := range item.Operations() {
			documented = append(documented, method+" "+path)
			d.problems(t, method+" "+path, o, told)
		}
	}
	slices.Sort(have)
	slices.Sort(documented)
	if diff := cmp.Diff(have, documented); diff != "" {
		t.Errorf("routes and document differ (-routes +document):\n%s", diff)
	}
	answered := map[string]int{}
	for _, p := range problems {
		answered[api.Namespace+p.Name] = p.Status
	}
	if diff := cmp.Diff(answered, told); diff != "" {
		t.Errorf("problems and document differ (-code +document):\n%s", diff)
	}
}

// problems collects those of one operation. Every failure names its problems.
func (d *Document) problems(t testing.TB, what string, o *openapi3.Operation, told map[string]int) {
	t.Helper()
	for _, status := range slices.Sorted(maps.Keys(o.Responses.Map())) {
		if strings.HasPrefix(status, "2") {
			continue
		}
		names := types(o.Responses.Value(status).Value)
		if len(names) == 0 {
			t.Errorf("%s: %s names no problem", what, status)
		}
		for _, name := range names {
			n, err := strconv.Atoi(status)
			if before, again := told[name]; err != nil || again && before != n {
				t.Errorf("%s: %s is told with %s and %d", what, name, status, before)
			}
			told[name] = n
		}
	}
}

// types are the problems that a response may be.
func types(r *openapi3.Response) (out []string) {
	media := r.Content.Get("application/problem+json")
	if media == nil || media.Schema == nil || media.Schema.Value.Properties["type"] == nil {
		return nil
	}
	for _, name := range media.Schema.Value.Properties["type"].Value.Enum {
		if text, ok := name.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// Answer says what of an answer is not as documented for its operation. The
// path of no operation must be answered with 404 or, to another method, 405.
func (d *Document) Answer(t testing.TB, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	route, params := d.find(r)
	if route == nil {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s is documented nowhere and answered with %d", r.Method, r.URL.Path, resp.StatusCode)
		}
		return
	}
	kind := resp.Header.Get("Content-Type")
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			ExcludeResponseBody:   kind != "application/json" && kind != "application/problem+json",
		},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s: the answer is not as documented: %v", r.Method, r.URL.Path, err)
	}
}

// find returns the operation of a request; nil: none.
func (d *Document) find(r *http.Request) (*routers.Route, map[string]string) {
	rest, ok := strings.CutPrefix(r.URL.Path, d.prefix)
	if !ok {
		return nil, nil
	}
	for path, item := range d.spec.Paths.Map() {
		params, ok := match(path, rest)
		if o := item.GetOperation(r.Method); ok && o != nil {
			return &routers.Route{Spec: d.spec, Path: path, PathItem: item, Method: r.Method, Operation: o}, params
		}
	}
	return nil, nil
}

// match compares segment by segment.
func match(template, path string) (map[string]string, bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{"):
			params[strings.Trim(segment, "{}")] = have[i]
		case segment != have[i]:
			return nil, false
		}
	}
	return params, true
}
