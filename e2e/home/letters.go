package home

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
)

// letterLimit is how many letters are shown, the newest first.
const letterLimit = 50

// Letter is an order as a print service gets it, as far as a person sees it.
type Letter struct {
	At   string `json:"timestamp"`
	Kind string `json:"type"`
	Data struct {
		Number, Code, URL, Purpose, Template string
	} `json:"data"`
}

// Letters shows what lies in a print service's folder: the demo has no postman.
func Letters(folder fs.FS) http.Handler {
	templates := template.Must(template.ParseFS(pages, "pages/*.html"))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		letters, err := read(folder)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		render(w, templates, "letters.html", letters)
	})
}

func read(folder fs.FS) ([]Letter, error) {
	files, err := fs.Glob(folder, "[^.]*.json") // a dot: still being written
	if err != nil {
		return nil, err
	}
	var letters []Letter
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		var l Letter
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("reading the order %s: %w", file, err)
		}
		letters = append(letters, l)
	}
	slices.SortFunc(letters, func(a, b Letter) int { return cmp.Compare(b.At, a.At) })
	return letters[:min(len(letters), letterLimit)], nil
}
