package mine

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

// phone is one as the pages see it.
type phone struct {
	ID       device.ID
	Href     string
	Name     string
	State    string // a key: active, cooling, locked, blocked
	Platform string

	Created, LastUsed, Cool, Ended time.Time
}

// Alive reports whether it can be renamed and blocked.
func (p phone) Alive() bool { return p.State != device.Blocked.String() }

func seen(d device.Device, now time.Time) phone {
	p := phone{
		ID: d.ID, Href: Home + "/" + string(d.ID), Name: d.Name, State: d.State.String(), Platform: d.Platform,
		Created: d.Created, LastUsed: d.LastUsed, Cool: d.CoolUntil, Ended: d.Ended,
	}
	if d.State == device.Active && d.Cooling(now) {
		p.State = "cooling"
	}
	return p
}

// phones is what the list shows.
type phones struct {
	Phones, Gone []phone
	Count        int
	Full         bool // as many as one person may have
	App          string
}

func (d *desk) list(w http.ResponseWriter, r *http.Request, who person) error {
	all, err := d.Devices.Store.Of(r.Context(), who.account)
	if err != nil {
		return err
	}
	data := phones{App: d.App}
	for _, one := range all {
		if p := seen(one, d.Now()); p.Alive() {
			data.Phones = append(data.Phones, p)
		} else {
			data.Gone = append(data.Gone, p)
		}
	}
	data.Count = len(data.Phones)
	data.Full = data.Count >= d.Devices.Settings.Limit
	d.show(w, r, web.Page{Name: "devices", Data: data, Ways: ways(historyWay(), logoutWay())})
	return nil
}

// theirs returns a phone of the person; that of another one does not exist.
func (d *desk) theirs(ctx context.Context, r *http.Request, who person) (device.Device, error) {
	id, err := device.ParseID(r.PathValue("id"))
	if err != nil {
		return device.Device{}, device.ErrNoDevice
	}
	one, err := d.Devices.Store.Get(ctx, id)
	if err == nil && one.Account != who.account {
		err = device.ErrNoDevice
	}
	return one, err
}

func (d *desk) one(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	d.showOne(w, r, who, one, web.Page{})
	return nil
}

// showOne shows a phone on a page that says what else there is to say.
func (d *desk) showOne(w http.ResponseWriter, r *http.Request, who person, one device.Device, p web.Page) {
	p.Name, p.Data, p.Hidden = "device", seen(one, d.Now()), who.form()
	p.Ways = ways(devicesWay(), historyWay(), logoutWay())
	d.show(w, r, p)
}

func (d *desk) rename(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	err = d.Devices.RenameFor(r.Context(), who.account, one.ID, r.PostForm.Get("name"))
	if errors.Is(err, device.ErrName) {
		d.showOne(w, r, who, one, web.Page{
			Problems: []flow.Problem{{Field: "name", Key: "name.wrong"}}, Typed: r.PostForm, Status: http.StatusUnprocessableEntity,
		})
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, Home+"/"+string(one.ID), http.StatusSeeOther)
	return nil
}

func (d *desk) askBlock(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	p := seen(one, d.Now())
	if !p.Alive() {
		http.Redirect(w, r, p.Href, http.StatusSeeOther)
		return nil
	}
	d.show(w, r, web.Page{Name: "block", Data: p, Hidden: who.form(), Ways: ways(web.Link{Href: p.Href, Key: "way.back"})})
	return nil
}

func (d *desk) block(w http.ResponseWriter, r *http.Request, who person) error {
	one, err := d.theirs(r.Context(), r, who)
	if err != nil {
		return err
	}
	if err := d.Devices.BlockFor(r.Context(), who.account, one.ID, device.ReasonWeb); err != nil {
		return err
	}
	http.Redirect(w, r, Home+"/"+string(one.ID), http.StatusSeeOther)
	return nil
}
