package peer

import (
	"net"
	"sync/atomic"
	"time"
)

// Stats count what a server has seen since it started.
type Stats struct {
	Streams      uint64 // begun, both sides proven
	Failed       uint64 // of those, ended with an error
	Unproven     uint64 // connections that failed in the handshake
	Crowded      uint64 // connections and streams over a limit
	AcceptErrors uint64
	Handshakes   int // under way
	Open         int // streams under way
}

type counters struct {
	streams, failed, unproven, crowded, acceptErrors atomic.Uint64
	complained                                       atomic.Int64 // when, ns
}

// Stats answers at once.
func (s *Server) Stats() Stats {
	waits, seats := s.door.inside()
	return Stats{
		Streams:      s.count.streams.Load(),
		Failed:       s.count.failed.Load(),
		Unproven:     s.count.unproven.Load(),
		Crowded:      s.count.crowded.Load(),
		AcceptErrors: s.count.acceptErrors.Load(),
		Handshakes:   waits,
		Open:         seats,
	}
}

// refuse counts a refusal and complains of it at most once per
// complaintInterval: the port is open to strangers, the log is not theirs to
// fill.
func (s *Server) refuse(count *atomic.Uint64, cause error, conn net.Conn) {
	count.Add(1)
	if s.ctx.Err() != nil {
		return
	}
	now, last := time.Now().UnixNano(), s.count.complained.Load()
	if last != 0 && now-last < int64(complaintInterval) || !s.count.complained.CompareAndSwap(last, now) {
		return
	}
	from := "listener"
	if conn != nil {
		from = conn.RemoteAddr().String()
	}
	stats := s.Stats()
	s.log.Warn("peer refused", "from", from, "err", cause,
		"unproven", stats.Unproven, "crowded", stats.Crowded, "accept_errors", stats.AcceptErrors)
}
