package server

import (
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// publicPort is the address where browsers, apps and backends come in.
func (h *house) publicPort() (*port, error) {
	p := &port{
		name: "public", address: h.Config.Listen.Address, connections: h.Config.Listen.Connections,
		handler: h.publicFace(), log: h.Log,
	}
	files := h.Config.Listen.TLS
	if files == nil {
		return p, nil
	}
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the server's certificate: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(nil); err != nil {
		return nil, err
	}
	// The certificate is read at every full handshake, so that a renewed one
	// needs no restart.
	p.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: load, NextProtos: []string{"h2", "http/1.1"}}
	return p, nil
}

// publicFace tells the gate and the sites apart by host.
func (h *house) publicFace() http.Handler {
	faces := hosts{}
	if h.gateFace != nil {
		faces[h.Config.Gate.PublicURL.Hostname()] = h.doors()
	}
	for _, s := range h.sites {
		faces[s.Settings.PublicURL.Hostname()] = s.Handler()
	}
	return faces
}

// internalFace is what monitoring and the operator reach, and nobody else.
func (h *house) internalFace() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", h.health.live)
	mux.HandleFunc("GET /readyz", h.health.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             readHeaderTimeout,
	}))
	for _, x := range h.extensions {
		if x.Internal != nil {
			prefix := "/x/" + x.name + "/"
			mux.Handle(prefix, http.StripPrefix(prefix[:len(prefix)-1], x.Internal))
		}
	}
	return mux
}
