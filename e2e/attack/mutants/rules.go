package main

import "slices"

// mutant is the program with one rule taken out.
type mutant struct {
	name   string
	attack string // which attacks are to notice; "" = the gate's own tests
	edits  []edit
}

// edit replaces text that stands exactly once in a file.
type edit struct{ file, old, new string }

const (
	gate = "sidecar/internal/gate/"
	wire = gate + "wire/"
)

// mutants lists the rules in their order. Where two checks stand behind one
// another a mutant takes both: a rule is what holds, not one line of it.
// Rule 16 lives in the realm, not in the program; its test has no mutant.
func mutants() []mutant {
	return append(mutantsOfTheWire(), mutantsOfTheGate()...)
}

func mutantsOfTheWire() []mutant {
	return []mutant{
		{
			"01 the path is taken as net/http decodes it", "TestRule01Path",
			[]edit{{
				wire + "target.go", "	t, err := ParseTarget(r.RequestURI)\n",
				"	if r.URL != nil {\n		return Target{Path: r.URL.Path, Query: r.URL.RawQuery}, nil\n	}\n	t, err := ParseTarget(r.RequestURI)\n",
			}},
		},
		{
			"01 a semicolon in a query passes", "TestRule01QuerySemicolon",
			[]edit{{wire + "target.go", " || c == ';':", ":"}},
		},
		{
			"02 what is closed is open", "TestRule02",
			[]edit{{wire + "surface.go", "	if !s.IsOpen(word) {", "	if false {"}},
		},
		{
			"03 all headers go upstream", "TestRule03",
			[]edit{{wire + "header.go", "		if passesUpstream(name) {", "		if true {"}},
		},
		{
			"04 the first cookie decides, the header goes on as sent", "TestRule04",
			[]edit{
				{wire + "cookies.go", "		seen[i] = 2\n		return\n	}\n	c.keycloak[i] = value\n", "		return\n	}\n	if seen[i] = 1; c.keycloak[i] == \"\" {\n		c.keycloak[i] = value\n	}\n"},
				{wire + "header.go", "	if cookies != \"\" {\n		out.Set(\"Cookie\", cookies)\n	}\n", "	if strings.Contains(cookies, \"KEYCLOAK_IDENTITY\") {\n		out[\"Cookie\"] = in[\"Cookie\"]\n	} else if cookies != \"\" {\n		out.Set(\"Cookie\", cookies)\n	}\n"},
			},
		},
		{
			"06 an answer may name two people", "TestRule06",
			[]edit{{wire + "setcookie.go", "	return id != a.Identity\n", "	return false\n"}},
		},
		{
			"06 an identity cookie that cannot be read is none", "TestRule06",
			[]edit{{wire + "setcookie.go", "	id, err := ReadIdentity(value)\n	first", "	id, err := ReadIdentity(value)\n	if err != nil {\n		return false\n	}\n	first"}},
		},
	}
}

func mutantsOfTheGate() []mutant {
	return slices.Concat(mutantsOfTheHold(), mutantsOfTheEnd(), mutantsOfTokens(), mutantsOfThePerson())
}

func mutantsOfTheHold() []mutant {
	return []mutant{
		{
			"05 the identity cookie of somebody not cleared goes upstream", "TestRule05",
			[]edit{{gate + "identity.go", "			x.cookies.WithholdIdentity()\n			x.sent = false\n", ""}},
		},
		{
			"06 a login is let out whoever it is", "TestRule06",
			[]edit{{gate + "response.go", "	case verdict == forward:\n		return h.passes", "	case verdict == forward || verdict == hold:\n		return h.passes"}},
		},
		{
			"07 a code without the cookie passes", "TestRule07",
			[]edit{{gate + "response.go", "; leak != wire.NoLeak {", "; leak != wire.NoLeak && false {"}},
		},
		{
			"08 what is held leaves as often as it is asked for", "TestRule08EightReleasesAtOnce",
			[]edit{
				{gate + "release.go", "h.Engine.Take(ctx, id, cookiesOnly)", "h.Engine.Take(ctx, id, func(b []byte) []byte { return b })"},
				{gate + "release.go", "	if !first || open", "	if !first && false || open"},
			},
		},
		{
			"08 what is held leaves after its session has ended", "TestRule08ADeadSession",
			[]edit{{gate + "release.go", "	case alive:\n		return nil\n	}\n	if err := h.Engine.Fail", "	case alive, true:\n		return nil\n	}\n	if err := h.Engine.Fail"}},
		},
		{
			"08 any cookie opens any attempt", "TestRule08OnlyTheBrowserItself",
			[]edit{
				{gate + "attempts.go", "cookies.OwnNamed(tag)", "firstOwn(&cookies, tag)"},
				{gate + "attempts.go", " || secret.ID().Tag() != tag {", " {"},
				{gate + "attempts.go", "func attemptGone(", "func firstOwn(c *wire.Cookies, _ string) string {\n	for _, o := range c.Own() {\n		return o.Value\n	}\n	return \"\"\n}\n\nfunc attemptGone("},
			},
		},
		{
			"08 an answer too large to be held leaves its session", "TestRule08AHeldAnswer",
			[]edit{{gate + "hold.go", "	case fault.KindOf(cause) == fault.TooLarge:", "	case fault.KindOf(cause) == fault.TooLarge && false:"}},
		},
		{
			"11 who comes again gets no cookies", "TestRule11",
			[]edit{{gate + "release.go", "	for _, line := range wire.KeycloakCookies(s.Header) {\n", "	for _, line := range wire.KeycloakCookies(http.Header{}) {\n"}},
		},
	}
}

func mutantsOfTheEnd() []mutant {
	return []mutant{
		{
			"15 failing leaves the session", "TestRule15",
			[]edit{{gate + "release.go", "	if err != nil || !alive {\n", "	if err != nil || !alive || true {\n"}},
		},
		{
			"17 every answer is buffered", "TestRule17",
			[]edit{{gate + "response.go", "	wire.DropHopByHop(resp.Header)\n", "	wire.DropHopByHop(resp.Header)\n	if _, err := takeBody(resp, 1<<20); err != nil {\n		return err\n	}\n"}},
		},
		{
			"a clearance that is unknown opens", "TestAdminAPIDown",
			[]edit{{gate + "decision.go", "{later, keep, later, forward},", "{forward, forward, forward, forward},"}},
		},
		{
			"another site may answer a step", "TestLoginCSRF",
			[]edit{{gate + "attempts.go", "h.cross.Handler(h.served(serve))", "h.served(serve)"}},
		},
		{
			"another site may type a number", "TestLoginCSRF",
			[]edit{{gate + "number.go", "h.cross.Check(r); err != nil {", "h.cross.Check(r); err != nil && false {"}},
		},
	}
}

func mutantsOfTokens() []mutant {
	return []mutant{
		{
			"10 a code that never left is redeemed", "TestRule10",
			[]edit{{gate + "token.go", "		return invalidGrant(errors.New(\"the code never left the gate\"))", "		return nil"}},
		},
		{
			"10 a code is good as long as Keycloak says", "",
			[]edit{{gate + "token.go", "h.Now().Sub(code.Left) > codeAge", "h.Now().Sub(code.Left) > 1000*codeAge"}},
		},
		{
			"12 tokens of somebody not cleared leave", "TestRule12Tokens",
			[]edit{{gate + "token.go", "		return h.discard(ctx, x, resp, answer, errors.New(\"the person is not cleared\"))", "		return h.tokensLeave(ctx, x, resp, answer)"}},
		},
		{
			"12 every grant passes", "TestRule12Grants",
			[]edit{{gate + "token.go", "	if !h.grantPasses(req) &&", "	if !h.grantPasses(req) && false &&"}},
		},
		{
			"13 a device's login is held like any other", "TestRule13Devices",
			[]edit{{gate + "response.go", "	case verdict == hold && isDevice(x, resp):", "	case verdict == hold && isDevice(x, resp) && false:"}},
		},
	}
}

func mutantsOfThePerson() []mutant {
	return []mutant{
		{
			"09 kc_action goes upstream for everybody", "TestRule09NoAction",
			[]edit{{gate + "authorize.go", "x.ask.Upstream(hint, false)", "x.ask.Upstream(hint, true)"}},
		},
		{
			"09 a forged cookie brings an action", "TestActionWithAForgedCookie",
			[]edit{
				{gate + "action.go", "	case !genuine:\n", "	case !genuine && false:\n"},
				{gate + "authorize.go", "	if key != \"\" && x.acting {", "	if key != \"\" && x.acting && false {"},
			},
		},
		{
			"09 nothing is reviewed", "TestRule09(What|AForeign)",
			[]edit{{gate + "authenticators.go", "	if len(list) == 0 {", "	if true {"}},
		},
		{
			"14 the form's user name is believed", "TestRule14TheNumberIsTheUserName",
			[]edit{{gate + "authenticate.go", "form.With(\"username\", string(t.Number))", "form.With(\"number\", string(t.Number))"}},
		},
		{
			"14 the client's login_hint goes upstream", "TestRule14TheNumberIsTheUserName",
			[]edit{{gate + "authorize.go", "	hint := string(x.tab.Number)\n", "	hint := x.ask.Params.Get(\"login_hint\")\n"}},
		},
		{
			"14 any account may sign in for a number", "TestRule14AnotherAccount",
			[]edit{{gate + "person.go", " && !acc.Is(x.tab.Number) {", " && false {"}},
		},
		{
			"14 a password goes upstream without a number", "TestRule14NoNumber",
			[]edit{{gate + "authenticate.go", "	if !x.known && h.numbered(x) {", "	if false {"}},
		},
	}
}
