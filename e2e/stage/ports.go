package stage

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// DefaultPortBase is where the demo's port block begins unless DEMO_PORT_BASE
// says otherwise.
const DefaultPortBase = 18000

// portBlock is how many consecutive ports a stage may use.
const portBlock = 20

// Ports is one block of loopback ports, and the only place that says what
// listens where. Gate and site share a listener and are told apart by host
// name, as in production.
type Ports struct {
	base int
}

// PortsFrom returns the block that begins at base.
func PortsFrom(base int) Ports { return Ports{base: base} }

// PortsFromEnvironment returns the block that DEMO_PORT_BASE names, else the
// default block. The base must lie between 1024 and 65000.
func PortsFromEnvironment() (Ports, error) {
	text := os.Getenv("DEMO_PORT_BASE")
	if text == "" {
		return PortsFrom(DefaultPortBase), nil
	}
	base, err := strconv.Atoi(text)
	if err != nil || base < 1024 || base > 65000 {
		return Ports{}, fmt.Errorf("DEMO_PORT_BASE=%q: want a number from 1024 to 65000", text)
	}
	return PortsFrom(base), nil
}

// Gate serves gate and sites, told apart by host name.
func (p Ports) Gate() int { return p.base }

// Partner serves the partner portal, a client of the realm that knows nothing of Schleuse.
func (p Ports) Partner() int { return p.base + 1 }

// Upstream serves the demo WebCenter itself; only the proxy should call it.
func (p Ports) Upstream() int { return p.base + 2 }

// Home serves the demo's home page.
func (p Ports) Home() int { return p.base + 3 }

// App serves the Kunden-App and its backend.
func (p Ports) App() int { return p.base + 4 }

// Internal serves metrics and health of schleuse.
func (p Ports) Internal() int { return p.base + 9 }

// Keycloak serves Keycloak behind the gate.
func (p Ports) Keycloak() int { return p.base + 10 }

// Management serves Keycloak's health.
func (p Ports) Management() int { return p.base + 11 }

// Issuer serves the foreign OpenID provider of brokered logins.
func (p Ports) Issuer() int { return p.base + 12 }

// Postgres serves PostgreSQL.
func (p Ports) Postgres() int { return p.base + 13 }

// Mail takes the mail of Keycloak and Schleuse (SMTP).
func (p Ports) Mail() int { return p.base + 15 }

// Nect serves the identification service: what the gate calls, and the pages
// that play its app.
func (p Ports) Nect() int { return p.base + 16 }

// NectURL is the identification service as browsers and the gate see it.
func (p Ports) NectURL() string { return hostURL("nect", p.Nect()) }

// GateURL is what browsers, apps and the iss of tokens see.
func (p Ports) GateURL() string { return hostURL("login", p.Gate()) }

// SiteURL is where a browser finds the WebCenter.
func (p Ports) SiteURL() string { return hostURL("webcenter", p.Gate()) }

// PartnerURL is where a browser finds the partner portal.
func (p Ports) PartnerURL() string { return hostURL("partner", p.Partner()) }

// AppURL is where a browser finds the Kunden-App; no slash at the end.
func (p Ports) AppURL() string { return hostURL("app", p.App()) }

// HomeURL is where a browser finds the demo's home page.
func (p Ports) HomeURL() string { return hostURL("demo", p.Home()) }

// IssuerURL is the foreign OpenID provider as browsers and Keycloak see it.
func (p Ports) IssuerURL() string { return hostURL("issuer", p.Issuer()) }

// UpstreamURL is the demo WebCenter as the proxy calls it.
func (p Ports) UpstreamURL() string { return Loopback(p.Upstream()) }

// KeycloakURL is Keycloak as the gate calls it.
func (p Ports) KeycloakURL() string { return Loopback(p.Keycloak()) }

// Loopback is the http URL of a port on 127.0.0.1.
func Loopback(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func hostURL(name string, port int) string {
	return fmt.Sprintf("http://%s.localhost:%d", name, port)
}

// Taken lists the ports of the block that something listens on already.
func (p Ports) Taken() []int {
	var taken []int
	for port := p.base; port < p.base+portBlock; port++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			taken = append(taken, port)
			continue
		}
		listener.Close()
	}
	return taken
}

// FreePorts finds a block that nobody uses, below the range from which the
// kernel gives out ports.
func FreePorts() (Ports, error) {
	start := 19000 + (os.Getpid()%600)*portBlock
	for try := range 60 {
		base := 19000 + (start-19000+try*portBlock)%12000
		if ports := PortsFrom(base); len(ports.Taken()) == 0 {
			return ports, nil
		}
	}
	return Ports{}, fmt.Errorf("no %d free ports in a row between 19000 and 31000", portBlock)
}
