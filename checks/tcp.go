package checks

import (
	"context"
	"crypto/tls"
	"net"
)

// tcpProbe connects, and with TLS shakes hands, and hangs up.
func tcpProbe(d Definition) Probe {
	return func(ctx context.Context) (Status, string) {
		conn, what, err := dialTCP(ctx, d)
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		conn.Close()
		return Passing, what + " connect " + d.TCP + ": Success"
	}
}

func dialTCP(ctx context.Context, d Definition) (net.Conn, string, error) {
	if d.TCPUseTLS {
		dialer := tls.Dialer{Config: tlsConfig(d, d.TCP)}
		conn, err := dialer.DialContext(ctx, "tcp", d.TCP)
		return conn, "TCP+TLS", err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.TCP)
	return conn, "TCP", err
}
