package sim

import "time"

// A stall is a Stall as one class of hosts has it.
type stall struct {
	every, length time.Duration
	since         time.Duration
	spread        bool // out of step
}

// end is when a host that is stalled at a time runs again; else that time.
func (s stall) end(e *Endpoint, at time.Duration) time.Duration {
	since := s.since
	if s.spread {
		since -= e.phase % s.every
	}
	if into := (at - since) % s.every; into < s.length {
		return at + s.length - into
	}
	return at
}

// stallsMax: two stalls of a host that leave it no time to run between them
// would otherwise be looked at for ever.
const stallsMax = 100

// runs is when a host runs, from a time on. The caller holds n.mu.
func (n *Network) runs(e *Endpoint, at time.Duration) time.Duration {
	stalls := n.territory(e).stalls
	for range stallsMax {
		start := at
		for _, s := range stalls {
			at = s.end(e, at)
		}
		if at == start {
			break
		}
	}
	return at
}

// hold keeps what comes to a host that is stalled until it runs: what its
// buffers take. The caller holds n.mu.
func (n *Network) hold(d delivery) {
	e := d.host
	if d.packet != nil && !e.buffer(d.port) {
		return
	}
	e.held = append(e.held, d)
	if at := n.runs(e, n.now()); at != e.resumes {
		e.resumes = at
		n.schedule(delivery{at: at, do: func() { n.release(e) }})
	}
}

// buffer takes a place in the receive buffer of a port. The caller holds the
// network's mu.
func (e *Endpoint) buffer(port uint16) bool {
	t := e.transports[port]
	switch {
	case !e.up:
	case t == nil:
		e.stats.Unopened++
	case t.held+len(t.packets) >= packetQueue:
		e.stats.Overflowed++
	default:
		t.held++
		return true
	}
	return false
}

// release is when a host runs again.
func (n *Network) release(e *Endpoint) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	for _, d := range e.held {
		d.at = now
		n.schedule(d)
	}
	for _, t := range e.transports {
		t.held = 0
	}
	e.held, e.resumes = nil, 0
}

// resume releases all hosts: those which are stalled still will hold again. The
// caller holds n.mu.
func (n *Network) resume() {
	for _, e := range n.endpoints {
		if len(e.held) > 0 {
			n.after(0, nil, func() { n.release(e) })
		}
	}
}
