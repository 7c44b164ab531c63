package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/peer"
)

// member is one of the crowd: real gossip and a real peer port, as package
// node runs them, over a catalog that it shares with the others.
type member struct {
	host   host
	origin catalog.Origin
	first  bool
	belief *belief
	mesh   *gossip.Mesh
	peers  *peer.Server
	dialer *peer.Dialer
	asks   chan catalog.Origin // whom to pull from
	done   chan struct{}
}

// verbPull is what package node calls a pull.
const verbPull = "pull"

func join(i int, b *belief) (*member, error) {
	identity, err := peer.NewIdentity()
	if err != nil {
		return nil, err
	}
	m := &member{
		host: hadoopHost(i), origin: identity.Origin(), first: i == 0, belief: b,
		asks: make(chan catalog.Origin, 1), done: make(chan struct{}),
	}
	if m.dialer, err = peer.NewDialer(peer.DialConfig{Identity: identity}); err != nil {
		return nil, err
	}
	address := seat(yodelNet, i).String()
	l, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(peerPort)))
	if err != nil {
		return nil, err
	}
	m.peers, err = peer.Listen(peer.Config{
		Identity: identity, Listener: l, Trust: func([16]byte) error { return nil },
		Handlers: map[string]peer.Handler{verbPull: m.servePull},
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	m.mesh, err = gossip.Start(gossip.Config{
		ID: m.origin.String(), Name: m.host.name, Datacenter: "dc1", PeerPort: peerPort,
		BindAddress: address, BindPort: gossipPort, AdvertiseAddress: address, AdvertisePort: gossipPort,
		Forget: 72 * time.Hour, Member: m.member, Heard: m.heard, Summary: m.summary, Compare: m.compare,
	})
	if err != nil {
		return nil, errors.Join(err, m.peers.Close())
	}
	go m.pull()
	d, err := m.host.delta(m.origin, address)
	if err == nil {
		_, err = b.learn(d)
	}
	if err == nil && i > 0 {
		_, err = m.mesh.Join([]string{gossipAt(i / 2), gossipAt(i - 1)})
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// member keeps who is here by what the first member sees; 300 would contradict
// each other while members join.
func (m *member) member(g gossip.Member) {
	o, err := catalog.ParseOrigin(g.ID)
	if err != nil || g.Status == gossip.Reaped || !m.first {
		return
	}
	m.belief.saw(catalog.Member{
		Origin: o, Name: g.Name, Datacenter: g.Datacenter, Address: g.Address, PeerPort: g.PeerPort,
		Status: catalog.Status(g.Status), At: time.Now(),
	})
}

// heard takes what the agents say; the crowd is silent.
func (m *member) heard(kind string, word []byte) bool {
	var d catalog.Delta
	var r catalog.Row
	switch {
	case kind == "news" && catalog.Decode(word, &d) == nil:
		news, err := m.belief.learn(d)
		return err == nil && news
	case kind == "hint" && catalog.Decode(word, &r) == nil && m.belief.row(r.Origin).Have < r.Have:
		m.ask(r.Origin)
		return true
	}
	return false
}

// summary is what node's hear.go sends along.
func (m *member) summary() []byte {
	b := binary.BigEndian.AppendUint64(nil, m.belief.summary())
	return binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMilli()))
}

func (m *member) compare(id string, summary []byte, _ time.Duration) {
	o, err := catalog.ParseOrigin(id)
	if err == nil && len(summary) >= 8 && binary.BigEndian.Uint64(summary) != m.belief.summary() {
		m.ask(o)
	}
}

// ask pulls from an agent, unless another of the crowd just did.
func (m *member) ask(o catalog.Origin) {
	if !m.belief.mayAsk(o) {
		return
	}
	select {
	case m.asks <- o:
	default: // one at a time is enough
	}
}

// pull asks an agent for what it says of itself. A member of the crowd has
// nothing that the others have not.
func (m *member) pull() {
	defer close(m.done)
	for o := range m.asks {
		n := m.belief.catalog.View().ByOrigin(o)
		if n == nil || n.Address == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = m.pullFrom(ctx, n) // the next comparison finds out
		cancel()
		time.Sleep(time.Second)
	}
}

func (m *member) pullFrom(ctx context.Context, n *catalog.Node) error {
	s, err := m.dialer.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(n.Address), peerPort).String(), n.Origin, verbPull)
	if err != nil {
		return err
	}
	defer s.Close()
	b, err := catalog.Encode(catalog.Question{Rows: []catalog.Row{m.belief.row(n.Origin)}})
	if err == nil {
		err = s.Send(b)
	}
	for err == nil {
		var deltas []catalog.Delta
		if b, err = s.Receive(); err != nil {
			return err
		}
		if err = catalog.Decode(b, &deltas); err != nil {
			return err
		}
		for _, d := range deltas {
			_, err = m.belief.learn(d)
		}
	}
	return err
}

func (m *member) servePull(_ context.Context, _ [16]byte, s *peer.Stream) error {
	b, err := s.Receive()
	if err != nil {
		return err
	}
	var q catalog.Question
	if err := catalog.Decode(b, &q); err != nil {
		return err
	}
	const frame = 32 // deltas of some 7 kB, near node's 256 kB
	for missing := m.belief.missing(q); len(missing) > 0; missing = missing[min(frame, len(missing)):] {
		b, err := catalog.Encode(missing[:min(frame, len(missing))])
		if err != nil {
			return err
		}
		if err := s.Send(b); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) close() error {
	err := errors.Join(m.mesh.Close(), m.peers.Close())
	close(m.asks)
	<-m.done
	return err
}
