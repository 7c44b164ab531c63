package gossip

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/serf/serf"
)

// Mesh is this member's part in the mesh.
type Mesh struct {
	config  Config
	serf    *serf.Serf
	events  chan serf.Event
	peers   atomic.Pointer[[]peer] // the others that are alive
	keyBusy chan struct{}
	joining chan struct{}
	done    chan struct{}
	wg      sync.WaitGroup

	membership atomic.Uint32 // of those alive, as the summary tells it
	moved      atomic.Int64  // Unix ns, when that last changed
	differs    chan string   // the address of a member that sees others alive

	said, heard, forwarded, exchanged atomic.Uint64
}

// eventsMax is how many events may wait to be told. Serf waits while it is
// full, holding its lock; a mesh of thousands that starts at once sends as many.
const eventsMax = 4096

// Start makes this process a member of a mesh of one. Join finds the others.
func Start(c Config) (*Mesh, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Settings == (Settings{}) {
		c.Settings = LAN()
	}
	if err := c.Settings.Check(); err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	m := &Mesh{
		config: c, events: make(chan serf.Event, eventsMax),
		keyBusy: make(chan struct{}, 1), joining: make(chan struct{}, 1), done: make(chan struct{}), differs: make(chan string, 1),
	}
	m.peers.Store(&[]peer{})
	m.membership.Store(hashOf(c.ID))
	sc, err := m.serfConfig()
	if err != nil {
		return nil, err
	}
	s, err := serf.Create(sc)
	if err != nil {
		if g, made := sc.MemberlistConfig.Transport.(*guard); made {
			err = errors.Join(err, g.Shutdown())
		}
		return nil, fmt.Errorf("start gossip on %s:%d: %w", c.BindAddress, c.BindPort, err)
	}
	m.serf = s
	m.wg.Go(m.listen)
	m.wg.Go(m.exchange)
	return m, nil
}

// Join asks the members at addresses (host:port) to take us in, and says how
// many did. It waits for them, for seconds each.
func (m *Mesh) Join(addresses []string) (int, error) {
	m.joining <- struct{}{} // Serf holds its lock while it waits for the network
	defer func() { <-m.joining }()
	n, err := m.serf.Join(addresses, true)
	if err != nil && n == 0 {
		return 0, fmt.Errorf("join %v: %w", addresses, err)
	}
	return n, nil
}

// Leave tells the others that this member goes, and waits until they know.
func (m *Mesh) Leave() error {
	if err := m.serf.Leave(); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// ForceLeave makes a failed member one that left.
func (m *Mesh) ForceLeave(id string) error {
	if err := m.serf.RemoveFailedNode(short(id)); err != nil {
		return fmt.Errorf("force %s to leave: %w", id, err)
	}
	return nil
}

// Close ends this member without a word. Who wants one calls Leave first.
func (m *Mesh) Close() error {
	err := m.serf.Shutdown()
	<-m.serf.ShutdownCh()
	close(m.done)
	m.wg.Wait()
	if err != nil {
		return fmt.Errorf("stop gossip: %w", err)
	}
	return nil
}

// Members are all members that the mesh remembers, this one included.
func (m *Mesh) Members() []Member {
	all := m.serf.Members()
	out := make([]Member, 0, len(all))
	for _, sm := range all {
		out = append(out, member(sm))
	}
	return out
}

// Self is this member as the others see it.
func (m *Mesh) Self() Member { return member(m.serf.LocalMember()) }

// Say tells every member a word. It may reach each of them once, twice, late
// or never.
func (m *Mesh) Say(kind string, word []byte) error {
	if n := len(kind) + len(word); n > WordMax {
		return fmt.Errorf("say %s: %d bytes, limit %d", kind, n, WordMax)
	}
	if err := m.serf.UserEvent(kind, word, false); err != nil {
		return fmt.Errorf("say %s: %w", kind, err)
	}
	m.said.Add(1)
	return nil
}

// Stats are counts since the start.
type Stats struct {
	Said, Heard, Forwarded uint64
	Exchanged              uint64 // member lists, because of a difference
	Queued                 int    // events that wait to be told here
	Health                 int    // memberlist's awareness: 0 is well, more is slow
}

// Stats tells how the mesh does here.
func (m *Mesh) Stats() Stats {
	return Stats{
		Said: m.said.Load(), Heard: m.heard.Load(), Forwarded: m.forwarded.Load(),
		Exchanged: m.exchanged.Load(),
		Queued:    len(m.events), Health: m.serf.Memberlist().GetHealthScore(),
	}
}
