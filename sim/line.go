package sim

import "time"

const (
	// datagramHeader and streamHeader are what goes with each packet: IPv4 and
	// UDP; IPv4 and TCP with time stamps. fragmentHeader is IPv4 alone.
	datagramHeader = 28
	streamHeader   = 52
	fragmentHeader = 20

	// queueTime is how long a line's queue is if nobody says: the old rule for
	// the buffer of a router, one round trip of the flows it carries, with
	// 100 ms for those of the Internet (Appenzeller and others, "Sizing Router
	// Buffers", SIGCOMM 2004, section 1).
	queueTime = 100 * time.Millisecond
)

// A line passes bytes one after the other, in the order in which they come.
type line struct {
	rate  int // bytes a second
	queue time.Duration
	free  time.Duration // when the last of those that wait is through
}

func newLine(rate int, queue time.Duration) *line {
	if queue == 0 {
		queue = queueTime
	}
	return &line{rate: rate, queue: queue}
}

// full says whether a datagram that comes now would wait too long.
func (l *line) full(now time.Duration) bool { return l.free-now > l.queue }

// pass is when something that comes at a time is through.
func (l *line) pass(at time.Duration, size int) time.Duration {
	l.free = max(at, l.free) + time.Duration(float64(size)/float64(l.rate)*float64(time.Second))
	return l.free
}

// room is how many bytes of a stream may come now, or how long it holds them
// back: at half a queue, as TCP would after the first losses, so that datagrams
// get through beside it. It is to ask again after a queue's length, since the
// fault may have been lifted.
func (l *line) room(now time.Duration) (size int, wait time.Duration) {
	free := l.queue/2 - max(0, l.free-now)
	if free <= 0 {
		return 0, min(1-free, l.queue)
	}
	return max(payloadMax, int(min(free.Seconds()*float64(l.rate), segmentMax))), 0
}

// cross is when something of a size that leaves now is over the lines of a
// path. The caller holds n.mu.
func (p *path) cross(now time.Duration, size int) time.Duration {
	for _, l := range p.lines {
		now = l.pass(now, size)
	}
	return now
}

// congested says whether a datagram that leaves now is dropped for a full
// queue. The caller holds n.mu.
func (p *path) congested(now time.Duration) bool {
	for _, l := range p.lines {
		if l.full(now) {
			return true
		}
	}
	return false
}

// room is the least of the lines'. The caller holds n.mu.
func (p *path) room(now time.Duration) (size int, wait time.Duration) {
	size = segmentMax
	for _, l := range p.lines {
		s, w := l.room(now)
		size, wait = min(size, s), max(wait, w)
	}
	return size, wait
}
