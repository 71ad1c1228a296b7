package proxy

import "net/http"

// BackTo and OwnerOf are what fuzzing reaches for.
var BackTo = backTo

// OwnerOf says who answers a path: "ours", "theirs" or "nobody's".
func OwnerOf(r *http.Request) string {
	return [...]string{"nobody's", "ours", "theirs"}[placeOf(r)]
}
