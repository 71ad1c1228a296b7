package config

// kindStepup is the step that is passed on a phone.
const kindStepup = "stepup"

// stepup wants the second factor and those who want it, or neither.
func (ck *checker) stepup(g *Gate) {
	s := g.Stepup
	switch {
	case s == nil && g.Flows.Stepup != nil:
		ck.at("is missing: nobody is asked for the second factor", "such as {clients: [webcenter]}, or {always: true}", "gate", "stepup")
	case s == nil:
	case g.Flows.Stepup == nil:
		ck.at("is missing: there is no second factor to ask for", "such as [{any: [stepup, letter]}]", "gate", "flows", "stepup")
	case s.Always && len(s.Clients) > 0:
		ck.at("has no effect beside always", "name the clients, or all of them by always", "gate", "stepup", "clients")
	case !s.Always && len(s.Clients) == 0:
		ck.at("names no client", "such as {clients: [webcenter]}, or {always: true}", "gate", "stepup")
	}
	if s != nil {
		ck.words(s.Clients, "gate", "stepup", "clients")
	}
}

// stepupOnPhones wants phones where logins are confirmed on them.
func (ck *checker) stepupOnPhones(c *Config) {
	if c.Devices != nil {
		return
	}
	for _, entry := range c.Gate.Flows.Stepup {
		for _, name := range entry.Any {
			if c.Extensions[name].Kind == kindStepup {
				ck.at("is missing: a login is confirmed on a registered phone", "such as {clients: [kundenapp]}", "devices")
				return
			}
		}
	}
}
