package mine

import (
	"context"
	"net/http"
	"time"

	"github.com/schleuse/schleuse/sidecar/approval"
	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/web"
)

const (
	beforeParam = "before"
	perPage     = 20
)

// question is an approval in words.
type question struct {
	Title   string
	Fields  []line
	At      time.Time
	Clock   string
	Phone   string // the name of the one that answered; "" none
	Result  string // a key
	Waiting bool
	NotMe   string // address of "das war ich nicht"
}

// line is one field that the phone showed.
type line struct{ Label, Value string }

// questions is what the page shows.
type questions struct {
	Questions []question
	Older     string // address of the next page; "" none
	Brief     bool   // the fields are not shown
}

func (d *desk) past(w http.ResponseWriter, r *http.Request, who person) error {
	before, err := approval.ParseID(r.URL.Query().Get(beforeParam))
	if err != nil {
		before = ""
	}
	all, err := d.Approvals.Store.List(r.Context(), approval.Query{Account: who.account, Before: before, Limit: perPage + 1})
	if err != nil {
		return err
	}
	names, err := d.names(r.Context(), who)
	if err != nil {
		return err
	}
	data := questions{Brief: d.Brief}
	if len(all) > perPage {
		all = all[:perPage]
		data.Older = history + "?" + beforeParam + "=" + string(all[perPage-1].ID)
	}
	for _, a := range all {
		data.Questions = append(data.Questions, d.words(r, a, names))
	}
	d.show(w, r, web.Page{Name: "history", Data: data, Ways: ways(devicesWay(), logoutWay())})
	return nil
}

// names are those of all the person's phones.
func (d *desk) names(ctx context.Context, who person) (map[device.ID]string, error) {
	all, err := d.Devices.Store.Of(ctx, who.account)
	names := make(map[device.ID]string, len(all))
	for _, one := range all {
		names[one.ID] = one.Name
	}
	return names, err
}

// words says an approval in the words that the phone showed.
func (d *desk) words(r *http.Request, a approval.Approval, names map[device.ID]string) question {
	lang := d.Pages.Language(r)
	action, _ := d.Approvals.Action(a.Action)
	q := question{
		Title: action.Title[lang], At: a.Created, Clock: d.clock(a.Created), Phone: names[a.Device],
		Result: d.result(a), NotMe: history + "/" + string(a.ID) + "/not-me",
	}
	q.Waiting = a.StateAt(d.Now()) == approval.Pending
	if q.Title == "" {
		q.Title = d.Pages.Text(r, Set, "history.unknown", nil) // the operator has taken the action away
	}
	if d.Brief {
		return q
	}
	for _, f := range a.Fields {
		label := f.Name
		for _, known := range action.Fields {
			if known.Name == f.Name && known.Label[lang] != "" {
				label = known.Label[lang]
			}
		}
		q.Fields = append(q.Fields, line{label, f.Value})
	}
	return q
}

// clock is the time of day where the operator and its people live.
func (d *desk) clock(at time.Time) string {
	zone, err := time.LoadLocation(web.Zone)
	if err != nil {
		zone = time.UTC // never: the zones are built in
	}
	return at.In(zone).Format("15:04")
}

// result is the key of what became of an approval.
func (d *desk) result(a approval.Approval) string {
	state := a.StateAt(d.Now())
	if state == approval.Denied {
		switch a.Reason {
		case approval.NotMe:
			return "result.not_me"
		case approval.WrongCode:
			return "result.code"
		}
	}
	return "result." + state.String()
}
