package mine

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/schleuse/schleuse/sidecar/internal/web"
)

//go:embed pages/*.html messages/*.json
var files embed.FS

// Set is the name of PageSet among the sets of web.New. No extension has such
// a one.
const Set = "schleuse.my"

// PageSet is the pages and their texts.
func PageSet() web.Set { return web.Set{Pages: sub("pages"), Messages: sub("messages")} }

func sub(dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only for a name that is no path; the names are constants
	}
	return s
}

func (d *desk) show(w http.ResponseWriter, r *http.Request, p web.Page) {
	p.Set = Set
	d.Pages.Render(w, r, p)
}

// ways are the quiet links of a page.
func ways(links ...web.Link) []web.Link { return links }

func logoutWay() web.Link  { return web.Link{Href: Prefix + "logout", Key: "way.logout"} }
func historyWay() web.Link { return web.Link{Href: history, Key: "way.history"} }
func devicesWay() web.Link { return web.Link{Href: Home, Key: "way.devices"} }
