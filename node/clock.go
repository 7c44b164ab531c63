package node

import (
	"slices"
	"sync"
	"time"
)

const (
	clockPeers = 15              // the last so many peers: a few with a wrong clock do not move the median
	clockLeast = 3               // fewer peers are no majority to judge by
	clockOff   = 1 * time.Minute // Kerberos gives up at five: tell in time to mend it
)

// clock compares this host's clock with those of its peers, whose time comes
// with the answers to probes. Time orders nothing here; but people read it, and
// Kerberos, certificates and signed jobs depend on it.
type clock struct {
	mu      sync.Mutex
	samples []clockSample
	told    bool
}

type clockSample struct {
	peer   string
	offset time.Duration // of ours against theirs: positive means ours is ahead
}

// heard takes a peer's time, as it was half a round trip ago, and answers
// whether it has become known, just now, that our clock is off, or no longer is.
func (c *clock) heard(peer string, theirs, ours time.Time, rtt time.Duration) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = slices.DeleteFunc(c.samples, func(s clockSample) bool { return s.peer == peer })
	c.samples = append(c.samples, clockSample{peer, ours.Sub(theirs.Add(rtt / 2))})
	if over := len(c.samples) - clockPeers; over > 0 {
		c.samples = slices.Delete(c.samples, 0, over)
	}
	off := c.median().Abs() > clockOff
	changed = off != c.told
	c.told = off
	return changed
}

// offset is how far our clock is ahead of most others'; 0 while too few are
// known to judge.
func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.median()
}

func (c *clock) median() time.Duration {
	if len(c.samples) < clockLeast {
		return 0
	}
	offsets := make([]time.Duration, len(c.samples))
	for i, s := range c.samples {
		offsets[i] = s.offset
	}
	slices.Sort(offsets)
	return offsets[len(offsets)/2]
}

// hearTime takes the time of a peer that answered a probe.
func (n *Node) hearTime(peer string, theirs time.Time, rtt time.Duration) {
	if !n.clock.heard(peer, theirs, n.world.Clock(), rtt) {
		return
	}
	if off := n.clock.offset(); off.Abs() > clockOff {
		n.log.Error("the clock of this host is off", "ahead_by", off.Round(time.Millisecond),
			"hint", "run chrony or systemd-timesyncd; Kerberos refuses tickets from 5 minutes on")
		return
	}
	n.log.Info("the clock of this host is right again")
}
