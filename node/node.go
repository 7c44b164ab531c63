package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/dnsd"
	"github.com/yodel-mesh/yodel/facts"
	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/peer"
)

// Version is the version of this build. The linker may set another.
var Version = "0.1.0-dev"

// pullsAtOnce bounds the pulls of single origins that run at the same time.
const pullsAtOnce = 4

// closeTimeout bounds how long questions that are under way hold up the end.
const closeTimeout = 3 * time.Second

// Node is one host of the mesh.
type Node struct {
	log      *slog.Logger
	world    World
	identity peer.Identity
	origin   catalog.Origin

	mesh   *gossip.Mesh
	peers  *peer.Server
	dialer *peer.Dialer
	dns    *dnsd.Server
	runner *checks.Runner
	disk   *disk

	metrics http.Handler

	config atomic.Pointer[config.Config]
	local  local

	mu           sync.Mutex // of what follows; held for moments, never while waiting
	catalog      *catalog.Catalog
	dirty        map[catalog.Origin]bool // changed since it was last kept
	members      map[string]string       // where the members alive gossip, by id
	membersMoved bool                    // since they were last kept
	changed      chan struct{}           // closed at the next change
	disputes     disputes                // of names, told in the log

	changes changeLog
	summary atomic.Uint64
	settled atomic.Bool // gossip has shown who is here since the start

	sayMu    sync.Mutex
	numbers  numbers
	tellWake chan struct{}
	behind   chan uint64
	pulls    chan pull
	pulling  chan struct{}

	facts        atomic.Pointer[catalog.Facts]
	factsTrouble atomic.Pointer[string]
	lookWake     chan struct{}
	troubles     troubleLog
	lagging      lagging
	clock        clock
	count        counts

	stop    context.CancelFunc
	wg      sync.WaitGroup
	closers []func() error
}

// numbers hands out the numbers of entries, each only once in the life of a
// data directory.
type numbers interface {
	Take(count int) (first uint64, err error)
	Skip(number uint64) error // the next one is above number
}

// Start makes this process a node of the mesh. It answers from what its disk
// remembers before it has found anybody. Close ends it.
func Start(c config.Config, w World, log *slog.Logger) (*Node, error) {
	n := &Node{
		log: log, dirty: make(map[catalog.Origin]bool), members: make(map[string]string),
		changed: make(chan struct{}), lookWake: make(chan struct{}, 1), tellWake: make(chan struct{}, 1), behind: make(chan uint64, 1),
		pulls: make(chan pull, pullsMax), pulling: make(chan struct{}, pullsAtOnce),
	}
	if w.Clock == nil {
		w.Clock = time.Now
	}
	n.config.Store(&c)
	n.metrics = n.meters()
	n.world = w
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	for _, step := range []func(context.Context) error{
		n.openDisk, n.remember, n.settleWorld, n.startDNS, n.startPeers, n.startGossip, n.startChecks, n.introduce,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	for _, loop := range []func(context.Context){
		n.tell, n.pullWhenAsked, n.join, n.keepUp, n.lookAround, n.housekeep,
	} {
		n.wg.Go(func() { loop(ctx) })
	}
	return n, nil
}

// Close ends this node without a word to the others, in bounded time. Leave
// comes before it when they shall know.
func (n *Node) Close() error {
	n.stop()
	n.wg.Wait()
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(errs...)
}

func (n *Node) onClose(f func() error) { n.closers = append(n.closers, f) }

func (n *Node) conf() *config.Config { return n.config.Load() }

// startPeers opens the peer port.
func (n *Node) startPeers(context.Context) error {
	dialer, err := peer.NewDialer(peer.DialConfig{Identity: n.identity, Dial: n.world.Dial})
	if err != nil {
		return err
	}
	n.dialer = dialer
	address := n.conf().PeerAddr().String()
	l, err := n.world.Listen(address)
	if err != nil {
		return fmt.Errorf("listen for peers on %s: %w", address, err)
	}
	server, err := peer.Listen(peer.Config{
		Identity: n.identity, Listener: l, Trust: n.trust, Logger: n.log,
		Handlers: map[string]peer.Handler{verbPull: n.servePull},
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	n.peers = server
	n.onClose(server.Close)
	return nil
}

// trust says whether an origin is a member of the mesh by what gossip shows.
func (n *Node) trust(origin [16]byte) error {
	if c := n.catalog.View().ByOrigin(origin); c != nil && c.Status.Here() {
		return nil
	}
	return fmt.Errorf("%s is no member of this mesh", catalog.Origin(origin))
}

// startGossip joins a mesh of one. The loop in join.go finds the others.
func (n *Node) startGossip(context.Context) error {
	c := n.conf()
	advertise, err := advertised(c)
	if err != nil {
		return err
	}
	g := gossip.Config{
		ID: n.origin.String(), Name: c.NodeName, Datacenter: c.Datacenter, PeerPort: n.peerPort(),
		BindAddress: c.BindAddr.String(), BindPort: c.Ports.Gossip,
		AdvertiseAddress: advertise.String(), AdvertisePort: c.Ports.Gossip,
		Key: encodeKey(c.Encrypt), KeyringFile: n.disk.keyringFile(), Forget: c.ReconnectTimeout,
		Member: n.member, Heard: n.heard, Summary: n.summarize, Compare: n.compare, Trouble: n.trouble,
		Settings: n.world.Settings, Transport: n.world.Transport, Logger: n.log,
	}
	mesh, err := gossip.Start(g)
	if err != nil {
		return err
	}
	n.mesh = mesh
	n.onClose(mesh.Close)
	return nil
}

// advertised is the address that others are told: what is written, else what
// the host itself is reached by.
func advertised(c *config.Config) (netip.Addr, error) {
	if a, written := c.Advertise(); written {
		return a, nil
	}
	return facts.Primary()
}

// peerPort is the port that the peer listener got.
func (n *Node) peerPort() int {
	if a, ok := n.peers.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return n.conf().Ports.Peer
}

// startDNS answers from what is known already, and then listens.
func (n *Node) startDNS(context.Context) error {
	c := n.conf()
	server, err := dnsd.New(dnsConfig(c, n.log))
	if err != nil {
		return fmt.Errorf("start DNS: %w", err)
	}
	n.mu.Lock()
	n.dns = server
	names := make(map[string]bool)
	for _, known := range n.catalog.View().Nodes() {
		names[known.Name] = true
	}
	n.resolve(names)
	n.mu.Unlock()
	for _, a := range c.DNSAddrs() {
		if err := server.Listen(a.String()); err != nil {
			return errors.Join(err, n.closeDNS())
		}
	}
	n.onClose(n.closeDNS)
	return nil
}

func (n *Node) closeDNS() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return n.dns.Close(ctx)
}

func dnsConfig(c *config.Config, log *slog.Logger) dnsd.Config {
	d := dnsd.Config{
		Domain: c.Domain, Datacenter: c.Datacenter, HostDomains: c.HostDomains,
		NodeTTL: c.DNS.NodeTTL, ServiceTTL: c.DNS.ServiceTTL["*"], ServiceTTLs: c.DNS.ServiceTTL,
		ARecordLimit: c.DNS.ARecordLimit, OnlyPassing: c.DNS.OnlyPassing,
		RecursorTimeout: c.DNS.RecursorTimeout, RandomRecursors: c.DNS.RecursorStrategy == "random", Logger: log, SOA: dnsd.SOA{
			Refresh: seconds(c.DNS.SOA.Refresh), Retry: seconds(c.DNS.SOA.Retry),
			Expire: seconds(c.DNS.SOA.Expire), MinTTL: seconds(c.DNS.SOA.MinTTL),
		},
	}
	if d.ARecordLimit == 0 || c.DNS.UDPAnswerLimit < d.ARecordLimit { // 0 is no limit of its own
		d.ARecordLimit = c.DNS.UDPAnswerLimit
	}
	if c.AltDomain != "" {
		d.AltDomains = []string{c.AltDomain}
	}
	if a, err := advertised(c); err == nil {
		d.NameServer = []netip.Addr{a}
	}
	for _, r := range c.Recursors {
		d.Recursors = append(d.Recursors, r.String())
	}
	return d
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
