package flowtest

import (
	"cmp"
	"slices"

	"github.com/schleuse/schleuse/sidecar/flow"
)

// makeRoom lets records give way to a new one, as flow.Attempts says.
func (s *Attempts) makeRoom(r flow.Record) error {
	var leaving []flow.Record
	own := s.standing(r, func(o flow.Record) bool { return ownerOf(o) == ownerOf(r) && ownerOf(r) != "" })
	here := s.standing(r, func(o flow.Record) bool { return beside(o, r) })
	if len(own) >= r.Room() {
		leaving, own = own[:1], own[1:]
		here = slices.DeleteFunc(here, func(o flow.Record) bool { return o.ID == leaving[0].ID })
	}
	if len(here) >= cmp.Or(s.PerAddress, 50) {
		crowding := most(here)
		if crowding == nil {
			crowding = slices.DeleteFunc(slices.Clone(own), func(o flow.Record) bool { return !beside(o, r) })
		}
		if len(crowding) == 0 {
			return flow.ErrTooManyAttempts
		}
		leaving = append(slices.Clone(leaving), crowding[0])
	}
	for _, o := range leaving {
		o.Supersede(s.Now())
		if err := s.save(o); err != nil {
			return err
		}
	}
	return nil
}

// standing returns those that are not terminal, in the order in which they
// give way to r.
func (s *Attempts) standing(r flow.Record, which func(flow.Record) bool) (out []flow.Record) {
	for id := range s.records {
		if o, err := s.load(id); err == nil && !o.Status.Terminal() && which(o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b flow.Record) int {
		age := a.Created.Compare(b.Created)
		if a.Account == "" && stake(a) == 1 {
			age = -age
		}
		return cmp.Or(cmp.Compare(stake(a), stake(b)), cmp.Compare(away(a, r), away(b, r)), age)
	})
	return out
}

// most returns the records of whoever has most, nil if nobody has two.
func most(here []flow.Record) []flow.Record {
	var out []flow.Record
	of := map[string][]flow.Record{}
	for _, o := range here {
		owner := ownerOf(o)
		of[owner] = append(of[owner], o)
		if owner != "" && len(of[owner]) > max(1, len(out)) {
			out = of[owner]
		}
	}
	return out
}

func ownerOf(r flow.Record) string {
	switch {
	case r.Account != "":
		return "account " + string(r.Account)
	case r.Number != "":
		return "number " + string(r.Number) + " " + r.Address.String()
	}
	return ""
}

// beside reports whether two count together at one address.
func beside(a, b flow.Record) bool {
	return a.Address == b.Address && (a.Account == "") == (b.Account == "")
}

func away(o, r flow.Record) int {
	if beside(o, r) {
		return 0
	}
	return 1
}

// stake is how much is lost with a record: nothing, something begun, a proof,
// all of them.
func stake(r flow.Record) int {
	switch {
	case r.Status != flow.Open:
		return 3
	case len(r.Proofs) > 0:
		return 2
	case r.Account != "" || len(r.State) > 0:
		return 1
	}
	return 0
}
