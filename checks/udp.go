package checks

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// udpProbe sends one datagram. Any answer passes, and so does silence until the
// timeout: many services do not answer what they do not understand. What fails
// is a port that the host says is closed (ICMP, seen as a refused connection).
func udpProbe(d Definition) Probe {
	return func(ctx context.Context) (Status, string) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "udp", d.UDP)
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		defer conn.Close()
		release := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
		defer release()
		if _, err = conn.Write([]byte(d.Body)); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		return Passing, "UDP connect " + d.UDP + ": Success"
	}
}
