package nect

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/member"
)

// Level says how sure an identification is (Regulation (EU) 910/2014 article
// 8(2)). The zero Level is none and suffices for nothing.
type Level string

// The levels, lowest first.
const (
	Low         Level = "low"
	Substantial Level = "substantial"
	High        Level = "high"
)

func levels() []Level { return []Level{Low, Substantial, High} }

// reaches reports whether a level is at least as sure as another.
func (l Level) reaches(least Level) bool {
	own, needed := slices.Index(levels(), l), slices.Index(levels(), least)
	return own >= 0 && needed >= 0 && own >= needed
}

// Config is the `config:` block.
type Config struct {
	// BaseURL and APIKeyFile are where cases of Level are made, and the file
	// with the key for it.
	BaseURL    string `yaml:"base_url"`
	APIKeyFile string `yaml:"api_key_file"`
	// Level is the least that an identification must reach.
	Level Level `yaml:"level"`
	// Levels are the services of further levels, for flows that ask for them.
	Levels map[Level]Service `yaml:"levels"`
	// Procedures are those that are accepted, in Nect's words. 1 to 20.
	Procedures []string `yaml:"procedures"`
	// Flows overrides level and procedures for single flows.
	Flows map[flow.Name]Policy `yaml:"flows"`
	// Timeout bounds one call of Nect. 1 to 20 seconds.
	Timeout  time.Duration `yaml:"timeout"`
	Callback Callback      `yaml:"callback"`
	// Return says whether Nect takes an address to come back to with each case.
	// With Fixed, whoever stole a password signs in by the identification of its
	// owner, if they follow a link that was sent to them.
	Return Return `yaml:"return"`
	// AcceptRelay lets Return fixed be used where a number alone begins a case:
	// somebody who begins one for a foreign number and sends the person the
	// link gets what that person's identification opens.
	AcceptRelay bool `yaml:"accept_relay"`
	// PerNumber and PerAddress are how many cases are made a day (UTC), 1 to
	// 20 and 1 to 1000. PerNumber is for each account after a login, and before
	// it for each number and network (an IPv4 address or an IPv6 /48); a number
	// bears four times as many from everywhere. An IPv6 address is a /64, and a
	// /48 bears four times as many. PerDay is from how many a day on they are
	// made slowly, 1 to 1,000,000.
	PerNumber  int `yaml:"per_number"`
	PerAddress int `yaml:"per_address"`
	PerDay     int `yaml:"per_day"`
	// MismatchesPerAddress is how many foreign documents one address bears a
	// day (UTC), 1 to 1000. More than that wait, the right ones too.
	MismatchesPerAddress int `yaml:"mismatches_per_address"`
	// FromAge is the age in years from which one may have an own account, 0 to
	// 18; 0 leaves it to the status in the master data.
	FromAge int `yaml:"from_age"`
	// Evidence is how long it is kept how somebody was identified, also after
	// they are forgotten. 1 day to 10 years.
	Evidence time.Duration `yaml:"evidence"`
}

// Service is where cases of one level are made.
type Service struct {
	BaseURL    string `yaml:"base_url"`
	APIKeyFile string `yaml:"api_key_file"`
}

// Policy is what one flow accepts; what is empty is as without it.
type Policy struct {
	Level      Level    `yaml:"level"`
	Procedures []string `yaml:"procedures"`
}

// Callback says how a call of Nect's is known to be Nect's. What it says is
// never believed, so that even None opens nothing.
type Callback struct {
	Verify Verify `yaml:"verify"`
	// KeyFiles are the keys of APIKey, or the secrets of HMAC: 1, or 2 while
	// one replaces the other.
	KeyFiles []string `yaml:"key_files"`
}

// Verify is a way to know Nect.
type Verify string

// The ways.
const (
	None   Verify = "none"    // by the name of the case, which cannot be guessed
	APIKey Verify = "api_key" // by the header X-Api-Key
	HMAC   Verify = "hmac"    // by Standard Webhooks: id, time and body, HMAC-SHA256
)

// Return says where people come back to.
type Return string

// The ways.
const (
	PerCase Return = "per_case" // an address of each case's own
	Fixed   Return = "fixed"    // the same for all
)

func defaults() Config {
	return Config{
		Level: Substantial, Procedures: []string{"eid", "epass", "selfie_ident"}, Timeout: 8 * time.Second,
		Callback: Callback{Verify: None}, Return: PerCase, PerNumber: 5, PerAddress: 50, PerDay: 20_000, MismatchesPerAddress: 20,
		FromAge: member.OwnAccountAge, Evidence: 730 * day,
	}
}

// Files implements extension.Filer.
func (c Config) Files() []string {
	files := slices.Clone(c.Callback.KeyFiles)
	for _, s := range c.services() {
		files = append(files, s.APIKeyFile)
	}
	return files
}

// Read implements extension.Reader.
func (c Config) Read() error {
	_, of := verifier{config: c.Callback}.keys()
	_, err := clients(c)
	return errors.Join(of, err)
}

// Warnings implements extension.Warner.
func (c Config) Warnings() []string {
	if c.Return != Fixed {
		return nil
	}
	relay := "return: fixed is refused in registration, recovery and enrolment; a case needs an address of its own there"
	if c.AcceptRelay {
		relay = "accept_relay: whoever begins an identification for a foreign number and sends the person its link gets what it opens"
	}
	return []string{
		relay,
		"return: fixed in the flow login: whoever has a person's password and sends them the link of a case signs in by their identification",
	}
}

// Validate implements extension.Validator.
func (c Config) Validate() error {
	var errs []error
	services := c.services()
	for _, level := range slices.Sorted(maps.Keys(services)) {
		errs = append(errs, services[level].validate(level))
	}
	for name := range c.Flows {
		if !slices.Contains(flows(), name) {
			errs = append(errs, fmt.Errorf("flows: %q is no flow", name))
		}
	}
	for _, name := range flows() {
		p := c.policy(name)
		if _, ok := services[p.Level]; !ok {
			errs = append(errs, fmt.Errorf("flows.%s: level %q has no service", name, p.Level))
		}
		errs = append(errs, p.validate(name))
	}
	return errors.Join(append(errs,
		c.Callback.validate(),
		c.validateReturn(),
		extension.Between("timeout", c.Timeout, time.Second, 20*time.Second),
		extension.Between("per_number", c.PerNumber, 1, 20),
		extension.Between("per_address", c.PerAddress, 1, 1000),
		extension.Between("per_day", c.PerDay, 1, 1_000_000),
		extension.Between("mismatches_per_address", c.MismatchesPerAddress, 1, 1000),
		extension.Between("from_age", c.FromAge, 0, 18),
		extension.Between("evidence", c.Evidence, day, 3650*day),
	)...)
}

func flows() []flow.Name {
	return []flow.Name{flow.Login, flow.Registration, flow.Recovery, flow.Enrolment}
}

// services are all that are configured, by level.
func (c Config) services() map[Level]Service {
	out := maps.Clone(c.Levels)
	if out == nil {
		out = map[Level]Service{}
	}
	if own := (Service{c.BaseURL, c.APIKeyFile}); own != (Service{}) || len(out) == 0 {
		out[c.Level] = own
	}
	return out
}

// policy is what a flow accepts.
func (c Config) policy(name flow.Name) Policy {
	p := c.Flows[name]
	if p.Level == "" {
		p.Level = c.Level
	}
	if p.Procedures == nil {
		p.Procedures = c.Procedures
	}
	return p
}

func (c Config) validateReturn() error {
	switch {
	case c.Return != PerCase && c.Return != Fixed:
		return fmt.Errorf("return: %q is neither per_case nor fixed", c.Return)
	case c.Return == PerCase && c.AcceptRelay:
		return errors.New("accept_relay: there is nothing to accept where return is per_case")
	}
	return nil
}

func (s Service) validate(level Level) error {
	var errs []error
	if !slices.Contains(levels(), level) {
		errs = append(errs, fmt.Errorf("level: %q is neither low nor substantial nor high", level))
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil || !extension.Private(u) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, fmt.Errorf("base_url of level %s: no https URL, or one with user, query or fragment", level))
	}
	if s.APIKeyFile == "" {
		errs = append(errs, fmt.Errorf("api_key_file of level %s: a file with the key is needed", level))
	}
	return errors.Join(errs...)
}

func (p Policy) validate(name flow.Name) error {
	if len(p.Procedures) == 0 || len(p.Procedures) > 20 {
		return fmt.Errorf("flows.%s: %d procedures are not from 1 to 20", name, len(p.Procedures))
	}
	for _, word := range p.Procedures {
		if !wordForm.MatchString(word) {
			return fmt.Errorf("flows.%s: a procedure is a word of a-z, 0-9, _ and -, at most 40 characters", name)
		}
	}
	return nil
}

func (c Callback) validate() error {
	n := len(c.KeyFiles)
	switch {
	case c.Verify == None && n > 0:
		return errors.New("callback.key_files: nothing is verified with them")
	case c.Verify == None:
		return nil
	case c.Verify != APIKey && c.Verify != HMAC:
		return fmt.Errorf("callback.verify: %q is neither none nor api_key nor hmac", c.Verify)
	case n < 1 || n > 2 || slices.Contains(c.KeyFiles, ""):
		return fmt.Errorf("callback.key_files: %d files are not 1 or 2", n)
	}
	return nil
}
