package sim

import (
	"bytes"
	"sync"
	"syscall"
	"time"
)

const (
	// windowMax is what a sender may have under way and unread at the other
	// side: about a socket buffer.
	windowMax = 256 << 10

	// payloadMax is the payload of one packet: 1,500 less streamHeader.
	payloadMax = 1500 - streamHeader

	// segmentMax bounds what travels as one.
	segmentMax = 64 << 10

	// What is lost is sent again after retryFirst, then twice that, and so
	// on up to retryMax; the stream fails after retryTotal. Linux: 200 ms, 120
	// s and about 15 minutes.
	retryFirst = 200 * time.Millisecond
	retryMax   = 120 * time.Second
	retryTotal = 15 * time.Minute
)

// A pipe is one direction of a stream.
type pipe struct {
	from, to *Endpoint
	reverse  *pipe

	mu      sync.Mutex    // the network's goroutine alone takes the reverse's meanwhile
	changed chan struct{} // closed at the next change; nil: nobody waits
	flight  []segment     // sent, not arrived; the first one is scheduled
	size    int           // bytes of flight
	arrived bytes.Buffer
	readEnd error // what reading ends with, after arrived
	sendEnd error // why nothing can be written
	deaf    bool  // the reader has closed
	lostFor time.Duration
}

// A segment is bytes, or the end.
type segment struct {
	bytes   []byte
	end     error
	at      time.Duration // not before this
	packets int           // sent the last time
	missing int           // of these, that did not get through
	again   bool          // sent again: not drawn yet
	heard   bool          // arrived; only the acknowledgement is missing
}

// read takes what is there; if nothing is, changed says when to ask again.
func (p *pipe) read(b []byte) (n int, changed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.arrived.Len() > 0 {
		n, _ = p.arrived.Read(b)
		p.notify()
		return n, nil, nil
	}
	return 0, p.wait(), p.readEnd
}

// write takes what the window lets in; if nothing, changed says when to ask
// again.
func (p *pipe) write(b []byte) (n int, changed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sendEnd != nil {
		return 0, nil, p.sendEnd
	}
	n = min(len(b), segmentMax, windowMax-p.size-p.arrived.Len())
	if n <= 0 {
		return 0, p.wait(), nil
	}
	if n = min(n, p.room()); n == 0 {
		return 0, p.wait(), nil
	}
	p.push(segment{bytes: bytes.Clone(b[:n])})
	return n, nil, nil
}

// finish sends the end after all that is under way.
func (p *pipe) finish(end error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sendEnd != nil {
		return
	}
	p.sendEnd = syscall.EPIPE
	p.push(segment{end: end})
	p.notify()
}

// fail ends writing here and now, and drops what is under way.
func (p *pipe) fail(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sendEnd = cause
	p.flight, p.size = nil, 0
	p.notify()
}

// shut ends reading, and says how many bytes nobody has read.
func (p *pipe) shut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
	unread := p.arrived.Len()
	p.arrived = bytes.Buffer{}
	p.notify()
	return unread
}

// room is how many bytes may leave now. If none may, because the host is
// stalled or the line is taken, the writer is woken when they may. The caller
// holds p.mu.
func (p *pipe) room() int {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if n.runs(p.from, now) > now {
		n.after(0, p.from, p.wake)
		return 0
	}
	size, wait := n.path(p.from, p.to).room(now)
	if wait > 0 {
		n.after(wait, nil, p.wake)
		return 0
	}
	return size
}

func (p *pipe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notify()
}

// push puts a segment behind the others. The caller holds p.mu.
func (p *pipe) push(s segment) {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	p.from.stats.StreamBytesOut += uint64(len(s.bytes))
	path, now := n.path(p.from, p.to), n.now()
	s.packets = packets(len(s.bytes), payloadMax)
	s.at = n.runs(p.from, now)
	if s.draw(n, path); len(s.bytes) > 0 {
		s.at = path.cross(s.at, len(s.bytes)+s.packets*streamHeader)
	}
	s.at += n.delay(path, s.packets)
	if last := len(p.flight) - 1; last >= 0 {
		s.at = max(s.at, p.flight[last].at) // nothing overtakes in a stream
	}
	p.flight = append(p.flight, s)
	p.size += len(s.bytes)
	if len(p.flight) == 1 {
		n.after(s.at-now, p.to, p.arrive)
	}
}

// draw decides which packets of a segment get through. The caller holds the
// network's mu.
func (s *segment) draw(n *Network, path *path) {
	s.missing = 0
	for range s.packets {
		if path.cut || n.chance(path.Loss) {
			s.missing++
		}
	}
}

// arrive is when the first segment is due. It is run by the network, one call
// at a time.
func (p *pipe) arrive() {
	p.mu.Lock()
	if len(p.flight) == 0 {
		p.mu.Unlock()
		return
	}
	if retry, lost := p.lost(&p.flight[0]); lost {
		failed := p.lostFor > retryTotal
		if !failed {
			p.lostFor += retry
			p.schedule(retry)
		}
		p.mu.Unlock()
		if failed {
			p.hangUp(syscall.ETIMEDOUT)
		}
		return
	}
	s := p.take()
	deaf := p.deaf
	if s.end == syscall.ECONNRESET {
		p.reverse.fail(s.end) // before a reader hears of it and writes
	}
	if !deaf {
		p.arrived.Write(s.bytes)
		p.readEnd = s.end
	}
	p.notify()
	p.mu.Unlock()
	if deaf && s.end == nil && !s.heard { // bytes for nobody are answered with a reset
		p.later(func() { p.hangUp(syscall.ECONNRESET) })
	}
}

// take is the first segment, and the next one is scheduled; or, if the
// acknowledgement cannot come back, waits in its place. The caller holds p.mu.
func (p *pipe) take() segment {
	s := p.flight[0]
	p.size -= len(s.bytes)
	p.lostFor = 0
	if len(s.bytes) > 0 && p.unanswered() {
		p.flight[0] = segment{packets: 1, missing: 1, heard: true}
		p.schedule(0)
		return s
	}
	p.flight[0] = segment{}
	p.flight = p.flight[1:]
	if len(p.flight) > 0 {
		p.schedule(p.flight[0].at - p.from.net.now())
	}
	return s
}

// lost says whether packets of a segment did not get through, and when they are
// sent again: at once if others did, since the receiver then says so; else when
// a timer has doubled once more. The caller holds p.mu.
func (p *pipe) lost(s *segment) (retry time.Duration, lost bool) {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	now, there, back := n.now(), n.path(p.from, p.to), n.path(p.to, p.from)
	if s.again && !s.heard {
		s.draw(n, there)
	} else if s.again {
		s.draw(n, back)
	}
	if !p.to.up || !p.from.up {
		s.missing = s.packets
	}
	if s.missing == 0 {
		p.to.stats.StreamBytesIn += uint64(len(s.bytes))
		return 0, false
	}
	retry = min(p.lostFor+retryFirst, retryMax)
	if s.missing < s.packets {
		retry = n.delay(there, 1) + n.delay(back, 1)
	}
	if !there.cut {
		retry += there.cross(now, min(len(s.bytes), s.missing*payloadMax)+s.missing*streamHeader) - now
	}
	p.from.stats.Resent++
	s.packets, s.again = s.missing, true
	return n.runs(p.from, now+retry) - now, true
}

// unanswered says whether nothing comes back to the writer.
func (p *pipe) unanswered() bool {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path(p.to, p.from).cut
}

func (p *pipe) schedule(wait time.Duration) {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.after(wait, p.to, p.arrive)
}

// later does something when a packet from the reader has reached the writer.
func (p *pipe) later(do func()) {
	n := p.from.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if path := n.path(p.to, p.from); !path.cut {
		n.after(n.delay(path, 1), p.from, do)
	}
}

// hangUp ends both directions at the writer's side.
func (p *pipe) hangUp(cause error) {
	p.fail(cause)
	r := p.reverse
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readEnd == nil {
		r.readEnd = cause
	}
	r.notify()
}

// wait is a channel that closes at the next change. The caller holds p.mu.
func (p *pipe) wait() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// notify wakes who waits. The caller holds p.mu.
func (p *pipe) notify() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
