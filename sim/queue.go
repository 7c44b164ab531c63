package sim

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// never is a time at which no timer is set.
const never = time.Duration(1<<63 - 1)

// A delivery is something that happens at a time: a datagram that arrives, or
// anything else that can be done without waiting.
type delivery struct {
	at       time.Duration
	sequence uint64 // orders what happens at the same time
	host     *Endpoint
	packet   *memberlist.Packet // to a port of host; nil: do
	port     uint16
	do       func()
}

// now is the time since the network was made.
func (n *Network) now() time.Duration { return time.Since(n.start) }

// after has something done later at a host, by the one goroutine of the
// network: do must not wait. A host that is stalled then does it when it runs
// again; nil is no host. The caller holds n.mu.
func (n *Network) after(delay time.Duration, host *Endpoint, do func()) {
	n.schedule(delivery{at: n.now() + delay, host: host, do: do})
}

// schedule puts a delivery among the others. The caller holds n.mu.
func (n *Network) schedule(d delivery) {
	if n.closed {
		return
	}
	n.sequence++
	d.sequence = n.sequence
	n.queue.push(d)
	n.arm()
}

// arm sets the timer to the first delivery. Whoever puts one before the others
// does it here, so that the network's goroutine wakes only to deliver. The
// caller holds n.mu.
func (n *Network) arm() {
	if len(n.queue) > 0 && n.queue[0].at < n.armed {
		n.armed = n.queue[0].at
		n.timer.Reset(n.armed - n.now())
	}
}

// run is the network's goroutine.
func (n *Network) run() {
	for range n.timer.C {
		if !n.deliver() {
			return
		}
	}
}

// deliver does all that is due, and says whether there will be more.
func (n *Network) deliver() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = never
	for !n.closed && len(n.queue) > 0 {
		now := n.now()
		if n.queue[0].at > now {
			break
		}
		switch d := n.queue.pop(); {
		case d.host != nil && n.runs(d.host, now) > now:
			n.hold(d)
		case d.packet != nil:
			d.host.get(d.packet, d.port)
		default:
			n.mu.Unlock() // streams lock themselves before the network
			d.do()
			n.mu.Lock()
		}
	}
	if !n.closed {
		n.arm()
	}
	return !n.closed
}

// deliveries are a binary heap, the first to happen in front. It is written
// out because container/heap allocates for each element.
type deliveries []delivery

func (q deliveries) before(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].sequence < q[j].sequence
}

func (q *deliveries) push(d delivery) {
	*q = append(*q, d)
	h := *q
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.before(i, parent) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (q *deliveries) pop() delivery {
	h := *q
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], delivery{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && h.before(child+1, child) {
			child++
		}
		if !h.before(child, i) {
			return first
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
