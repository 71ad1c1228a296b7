package devices

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/schleuse/schleuse/sidecar/device"
	"github.com/schleuse/schleuse/sidecar/internal/api"
)

type policy struct {
	NameMax     int      `json:"name_max"`
	PasswordMin int      `json:"password_min"`
	PasswordMax int      `json:"password_max"`
	PINDigits   int      `json:"pin_digits"`
	IdleLock    int      `json:"idle_lock_seconds"`
	Channels    []string `json:"push_channels"`
}

func (a *desk) policy() policy {
	s := a.Devices.Settings
	return policy{device.MaxName, s.MinPassword, device.MaxPassword, s.PINDigits, int(s.IdleLock.Seconds()), append([]string{}, a.Channels...)}
}

type ticketOut struct {
	Device    device.ID `json:"device_id"`
	Ticket    string    `json:"ticket"`
	SealKey   publicKey `json:"seal_key"`
	Policy    policy    `json:"policy"`
	Devices   []rival   `json:"devices"`
	ExpiresIn int       `json:"expires_in"`
}

// rival is a phone of the person that could be replaced.
type rival struct {
	ID       device.ID `json:"id"`
	Name     string    `json:"name"`
	State    string    `json:"state"`
	LastUsed string    `json:"last_used_at,omitempty"`
}

func rivals(phones []device.Device) []rival {
	out := []rival{}
	for _, d := range phones {
		out = append(out, rival{d.ID, d.Name, d.State.String(), stamp(d.LastUsed)})
	}
	return out
}

type beginIn struct {
	Replaces *string `json:"replaces"`
}

// begin gives a ticket (device/PROTOCOL.md section 7.2).
func (a *desk) begin(r *http.Request, n newcomer, in beginIn) (api.Reply, error) {
	replaces, err := other(in.Replaces)
	if err != nil {
		return api.Reply{}, err
	}
	t, err := a.Devices.Begin(r.Context(), n.Caller, n.key, replaces)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Status: http.StatusCreated, Body: ticketOut{t.Device, t.Text, a.sealKey(), a.policy(), rivals(t.Phones), a.secondsTo(t.Expires)}}, nil
}

type enrolIn struct {
	Registration string         `json:"registration"`
	NewPassword  jsontext.Value `json:"new_password"`
	Replaces     *string        `json:"replaces"`
}

func (a *desk) enrol(r *http.Request, n newcomer, in enrolIn) (api.Reply, error) {
	m, err := message("/registration", in.Registration, device.Registration)
	if err != nil {
		return api.Reply{}, err
	}
	password, err := secret("/new_password", in.NewPassword)
	if err != nil {
		return api.Reply{}, err
	}
	replaces, err := other(in.Replaces)
	if err != nil {
		return api.Reply{}, err
	}
	d, err := a.Devices.Enrol(r.Context(), n.Caller, n.key, device.Enrolment{Registration: m, NewPassword: password, Replaces: replaces})
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Status: http.StatusCreated, Body: a.selfOf(d)}, nil
}

// other reads which phone is to be replaced; none is named by leaving it out.
func other(named *string) (device.ID, error) {
	if named == nil {
		return "", nil
	}
	id, err := device.ParseID(*named)
	if err != nil {
		return "", device.ErrNoDevice
	}
	return id, nil
}

type unlockIn struct {
	Order       string         `json:"order"`
	NewPassword jsontext.Value `json:"new_password"`
}

// unlock is of the phone whose key proves the call, and of no other.
func (a *desk) unlock(r *http.Request, n newcomer, in unlockIn) (api.Reply, error) {
	m, err := a.order(r, in.Order)
	if err != nil {
		return api.Reply{}, err
	}
	password, err := secret("/new_password", in.NewPassword)
	if err != nil {
		return api.Reply{}, err
	}
	id, err := device.ParseID(r.PathValue("id"))
	if err != nil {
		return api.Reply{}, device.ErrNoDevice
	}
	d, err := a.Devices.Unlock(r.Context(), n.Caller, id, n.key, m, password)
	if err != nil {
		return api.Reply{}, err
	}
	return api.Reply{Body: a.selfOf(d)}, nil
}

// message reads what a phone signed, which stands at the pointer.
func message(pointer, raw string, typ device.Type) (device.Message, error) {
	m, err := device.ParseMessage(raw, typ)
	if err != nil {
		return device.Message{}, api.Malformed(pointer, "not a compact JWS of type %s", typ)
	}
	return m, nil
}

// secret reads a sealed secret, which stands at the pointer.
func secret(pointer string, raw jsontext.Value) (device.Sealed, error) {
	s, err := device.ParseSealed(raw)
	if err != nil {
		return device.Sealed{}, api.Malformed(pointer, "not a sealed secret")
	}
	return s, nil
}
