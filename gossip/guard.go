package gossip

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// errOldEncryption ends a stream that memberlist would not survive.
var errOldEncryption = errors.New("a message in the first version of the encryption, which nobody uses")

// The wire form of what is encrypted (memberlist's security.go and net.go).
const (
	encryptedStream = 10 // first byte of a stream; four of length and the version follow
	versionAt       = 5
	paddedVersion   = 0 // with padding; nobody has sent it since memberlist protocol 1
)

// guard keeps from an encrypted mesh what is in memberlist's first encryption.
// memberlist takes the padding of that off without a look whether there is any,
// and the version is not part of what is signed: one byte changed in a packet
// that was overheard, sent again, would end the agent. Nobody needs the key for
// it. Found by the lab's garbage.
type guard struct {
	memberlist.NodeAwareTransport
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	stop    sync.Once
	wg      sync.WaitGroup
}

func newGuard(t memberlist.NodeAwareTransport) *guard {
	g := &guard{
		NodeAwareTransport: t,
		packets:            make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	g.wg.Go(g.passPackets)
	g.wg.Go(g.passStreams)
	return g
}

// PacketCh and StreamCh are where what has passed arrives.
func (g *guard) PacketCh() <-chan *memberlist.Packet { return g.packets }
func (g *guard) StreamCh() <-chan net.Conn           { return g.streams }

func (g *guard) passPackets() {
	for {
		select {
		case p := <-g.NodeAwareTransport.PacketCh():
			if len(p.Buf) > 0 && p.Buf[0] == paddedVersion {
				continue
			}
			select {
			case g.packets <- p:
			case <-g.done:
				return
			}
		case <-g.done:
			return
		}
	}
}

func (g *guard) passStreams() {
	for {
		select {
		case c := <-g.NodeAwareTransport.StreamCh():
			select {
			case g.streams <- &guardedConn{Conn: c}:
			case <-g.done:
				c.Close()
				return
			}
		case <-g.done:
			return
		}
	}
}

// DialTimeout and DialAddressTimeout guard what is answered.
func (g *guard) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return guarded(g.NodeAwareTransport.DialTimeout(addr, timeout))
}

func (g *guard) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return guarded(g.NodeAwareTransport.DialAddressTimeout(addr, timeout))
}

func guarded(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: c}, nil
}

// Shutdown ends the transport, and then the passing on: what it waits for to be
// taken is still taken.
func (g *guard) Shutdown() error {
	err := g.NodeAwareTransport.Shutdown()
	g.stop.Do(func() { close(g.done) })
	g.wg.Wait()
	return err
}

// guardedConn looks at the first bytes of a stream, which carries one message.
type guardedConn struct {
	net.Conn
	seen      int
	encrypted bool
}

func (c *guardedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for i := 0; i < n && c.seen <= versionAt; i++ {
		switch {
		case c.seen == 0:
			c.encrypted = b[i] == encryptedStream
		case c.seen == versionAt && c.encrypted && b[i] == paddedVersion:
			return 0, errOldEncryption
		}
		c.seen++
	}
	return n, err
}

// guarding gives an encrypted mesh its guard. The transport is then made here,
// as memberlist makes it.
func guarding(ml *memberlist.Config) error {
	t, given := ml.Transport.(memberlist.NodeAwareTransport)
	if !given {
		made, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{ml.BindAddr}, BindPort: ml.BindPort, Logger: ml.Logger})
		if err != nil {
			return err
		}
		if ml.BindPort == 0 {
			ml.BindPort = made.GetAutoBindPort()
			ml.AdvertisePort = ml.BindPort
		}
		t = made
	}
	ml.Transport = newGuard(t)
	return nil
}
