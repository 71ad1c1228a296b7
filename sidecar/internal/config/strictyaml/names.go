package strictyaml

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fields returns the fields of a struct that are read, by key.
func Fields(t reflect.Type) map[string]reflect.StructField {
	out := map[string]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && key != "" && key != "-" {
			out[key] = f
		}
	}
	return out
}

func keys(fields map[string]reflect.StructField) []string {
	out := make([]string, 0, len(fields))
	for key := range fields {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// Nearest returns the known word that was probably meant, or "".
func Nearest(word string, known []string) string {
	best, bestDistance := "", 3
	if len(word) > 64 {
		return ""
	}
	for _, k := range known {
		folded := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(word))
		if d := distance(folded, k); d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// ParseDuration reads a duration as time.ParseDuration does, with whole days
// before it: "60d", "1d12h", "24h", "30m", "90s". It is not negative.
func ParseDuration(s string) (time.Duration, error) {
	var days int64
	rest := s
	if head, tail, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("no duration")
		}
		days, rest = int64(n), tail
	}
	total := time.Duration(days) * 24 * time.Hour
	if rest == "" && days >= 0 && s != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "+") || total+d < 0 {
		return 0, fmt.Errorf("no duration")
	}
	return total + d, nil
}
