package node

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/gossip"
)

const (
	joinAtOnce    = 3               // addresses of one try: each that is dead costs seconds
	joinPauseMin  = time.Second     // after the first try that failed
	seedInterval  = time.Minute     // how often seeds that are no members are tried again
	lookupTimeout = 5 * time.Second // of all seeds that are names
	settleTime    = 3 * time.Second // after a join, until gossip has shown who is here
)

// join finds the others and goes on looking: at the start, when everybody is
// gone, and now and then for seeds that are no members, so that two meshes
// that were apart for long become one again.
func (n *Node) join(ctx context.Context) {
	pause := joinPauseMin
	for {
		wait := seedInterval
		switch found := n.joinOnce(ctx); {
		case len(n.mesh.Peers()) > 0:
			pause = joinPauseMin
			if found {
				n.settle(ctx)
			}
		default:
			wait = pause
			pause = min(2*pause, n.conf().RetryInterval)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return
		}
	}
}

// joinOnce tries a few of the addresses that are no members, and says whether
// there is anybody here.
func (n *Node) joinOnce(ctx context.Context) bool {
	if try := n.strangers(ctx); len(try) > 0 {
		rand.Shuffle(len(try), func(i, j int) { try[i], try[j] = try[j], try[i] })
		alone := len(n.mesh.Peers()) == 0
		count, err := n.mesh.Join(try[:min(joinAtOnce, len(try))])
		switch {
		case ctx.Err() != nil:
		case err != nil && alone:
			n.log.Warn("no member answered", "addresses", try, "err", err,
				"hint", "is yodel running there, with the same gossip key and port?")
		case count > 0 && alone:
			n.log.Info("joined", "members", len(n.mesh.Peers())+1)
		}
	}
	return len(n.mesh.Peers()) > 0
}

// strangers are the seeds, and when nobody is here the members of before, as
// far as they are no members now.
func (n *Node) strangers(ctx context.Context) []string {
	here := make(map[string]bool)
	for _, m := range n.mesh.Members() {
		if m.Status == gossip.Alive {
			here[m.HostPort()] = true
		}
	}
	candidates := n.seeds(ctx)
	if len(here) <= 1 {
		n.mu.Lock()
		candidates = append(candidates, slices.Collect(maps.Values(n.members))...)
		n.mu.Unlock()
	}
	return slices.DeleteFunc(candidates, func(a string) bool { return here[a] })
}

// seeds are the addresses of retry_join, with names looked up anew each time.
func (n *Node) seeds(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var out []string
	for _, seed := range n.conf().RetryJoin {
		host, port, err := net.SplitHostPort(seed)
		if err != nil {
			host, port = strings.Trim(seed, "[]"), strconv.Itoa(n.conf().Ports.Gossip)
		}
		if a, err := netip.ParseAddr(host); err == nil {
			out = append(out, net.JoinHostPort(a.String(), port))
			continue
		}
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			n.log.Warn("look up a seed", "seed", seed, "err", err)
		}
		for _, a := range addresses {
			out = append(out, net.JoinHostPort(a, port))
		}
	}
	return out
}

// noteMember keeps where members gossip, for the time when all are gone.
func (n *Node) noteMember(m gossip.Member) {
	if m.ID == n.origin.String() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	before, known := n.members[m.ID]
	if m.Status == gossip.Left || m.Status == gossip.Reaped {
		delete(n.members, m.ID)
		n.membersMoved = n.membersMoved || known
		return
	}
	n.members[m.ID] = m.HostPort()
	n.membersMoved = n.membersMoved || before != n.members[m.ID]
}

// settle asks one of the others for everything, and then takes those whom the
// disk remembers and gossip does not show for failed.
func (n *Node) settle(ctx context.Context) {
	if n.settled.Load() {
		return
	}
	if peers := n.mesh.Peers(); len(peers) > 0 {
		if o, err := catalog.ParseOrigin(peers[rand.IntN(len(peers))]); err == nil {
			if _, err := n.pull(ctx, o, catalog.Origin{}); err != nil {
				n.log.Debug("first pull", "err", err)
			}
		}
	}
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
		return
	}
	n.mu.Lock()
	n.publish(n.catalog.Settle(n.world.Clock(), 0)...)
	n.mu.Unlock()
	n.settled.Store(true)
}
