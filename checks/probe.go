package checks

import (
	"crypto/tls"
	"net"
)

// userAgent is what the probed sees in its logs.
const userAgent = "yodel health check"

// newProbe is the probe of a definition that looks by itself: every kind but
// TTL and alias. No probe uses a proxy: a check looks at the thing itself.
func newProbe(d Definition) Probe {
	switch d.Kind() {
	case "script":
		return scriptProbe(d)
	case "http":
		return httpProbe(d)
	case "tcp":
		return tcpProbe(d)
	case "udp":
		return udpProbe(d)
	case "docker":
		return dockerProbe(d, dockerHost())
	case "grpc":
		return grpcProbe(d)
	case "h2ping":
		return h2pingProbe(d)
	case "os_service":
		return osServiceProbe(d, systemBus)
	}
	panic("a check of kind " + d.Kind() + " has no probe")
}

// exitStatus is Nagios's convention: 0 passing, 1 warning, anything else
// critical.
func exitStatus(code int) Status {
	switch code {
	case 0:
		return Passing
	case 1:
		return Warning
	}
	return Critical
}

// tlsConfig verifies with the host's roots. An empty server name becomes the
// host of the address, which is also what the certificate is checked against.
func tlsConfig(d Definition, address string) *tls.Config {
	name := d.TLSServerName
	if host, _, err := net.SplitHostPort(address); name == "" && err == nil {
		name = host
	}
	return &tls.Config{ServerName: name, InsecureSkipVerify: d.TLSSkipVerify}
}
