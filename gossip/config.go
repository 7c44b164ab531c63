package gossip

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// WordMax is the most that a word and its kind may have, in bytes. Serf takes
// more without a complaint and then does not gossip it: a packet is 1,400
// bytes, and the encryption, the label and other messages share it.
const WordMax = 1024

// Transport is how packets and streams travel; a simulator brings its own.
type Transport = memberlist.Transport

// Config says who this member is, and who wants to hear of the others.
type Config struct {
	ID         string // the text form of the origin
	Name       string
	Datacenter string
	PeerPort   int

	BindAddress      string
	BindPort         int // 0: any
	AdvertiseAddress string
	AdvertisePort    int

	Key         string // base64 of 16, 24 or 32 bytes; empty: not encrypted
	KeyringFile string // overrides Key when it exists; empty: keys are not kept

	// Forget is how long a failed or left member stays in the list.
	Forget time.Duration

	// Member is called for each change of a member, in order. Heard is called
	// for each word, and answers whether it was news: if so it is handed on.
	// Neither may wait for anything; the mesh waits for them.
	Member func(Member)
	Heard  func(kind string, word []byte) (news bool)

	// Summary is sent along with every probe that this member answers, at most
	// 64 bytes; Compare hears the summary of a member that answered ours, and
	// how long that took. Neither may wait.
	Summary func() []byte
	Compare func(id string, summary []byte, rtt time.Duration)

	// Trouble is called with what the mesh complains of and a person must
	// mend: a key that does not fit, an identity used twice.
	Trouble func(Trouble)

	Settings  Settings  // zero: LAN
	Transport Transport // nil: real sockets
	Logger    *slog.Logger
}

// What is the same in every mesh.
const (
	reclaimTime   = 1 * time.Second // a host that failed may return with another address
	leaveDelay    = 1 * time.Second
	eventBuffer   = 1024
	streamTimeout = 5 * time.Second
)

func (m *Mesh) serfConfig() (*serf.Config, error) {
	c := m.config
	ml := memberlist.DefaultLANConfig()
	ml.BindAddr, ml.BindPort = c.BindAddress, c.BindPort
	ml.AdvertiseAddr, ml.AdvertisePort = c.AdvertiseAddress, c.AdvertisePort
	ml.TCPTimeout = streamTimeout
	ml.DeadNodeReclaimTime = reclaimTime
	ml.EnableCompression = false // costs 24 to 66 µs and 78 KB of garbage for each packet
	ml.Ping = m
	ml.Alive = &window{settings: c.Settings, ml: ml, members: m.size}
	ml.Transport = c.Transport
	ring, err := c.keyring()
	if err != nil {
		return nil, err
	}
	ml.Keyring = ring

	sc := serf.DefaultConfig()
	sc.MemberlistConfig = ml
	sc.NodeName = short(c.ID)
	sc.Tags = tags(c)
	sc.EventCh = m.events
	c.Settings.apply(sc, ml)
	sc.EventBuffer = eventBuffer
	sc.UserEventSizeLimit = WordMax + 64 // Serf counts its own header
	sc.LeavePropagateDelay = leaveDelay
	sc.ReconnectTimeout = c.Forget
	sc.TombstoneTimeout = c.Forget
	sc.EnableNameConflictResolution = false // it shut down both of two hosts
	sc.DisableCoordinates = true            // the ack carries our summary instead
	if ring != nil {
		sc.KeyringFile = c.KeyringFile
	}
	logger := c.logs()
	sc.Logger, ml.Logger = logger, logger
	if ring != nil {
		if err := guarding(ml); err != nil {
			return nil, fmt.Errorf("start gossip on %s:%d: %w", c.BindAddress, c.BindPort, err)
		}
	}
	return sc, nil
}
