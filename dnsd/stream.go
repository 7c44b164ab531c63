package dnsd

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	streamsMax  = 256              // connections at once; further ones wait in the kernel's queue
	streamIdle  = 10 * time.Second // RFC 7766 section 6.2.3: seconds
	streamWrite = 5 * time.Second  // a client that does not read is cut off
)

// A stream answers over TCP (RFC 7766): questions one after the other, each
// with its length before it.
type stream struct {
	ln    net.Listener
	slots chan struct{} // streamsMax

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func newStream(ln net.Listener) *stream {
	return &stream{ln: ln, slots: make(chan struct{}, streamsMax), conns: map[net.Conn]bool{}}
}

func (t *stream) serve(s *Server, count *tally) {
	for {
		select {
		case t.slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		conn, err := t.ln.Accept()
		if err != nil {
			<-t.slots
			if s.ctx.Err() != nil {
				return
			}
			select { // out of descriptors, perhaps: do not spin
			case <-time.After(100 * time.Millisecond):
				continue
			case <-s.ctx.Done():
				return
			}
		}
		if !t.keep(conn) {
			<-t.slots
			return
		}
		s.wg.Go(func() {
			defer func() { t.drop(conn); <-t.slots }()
			converse(s, conn, count)
		})
	}
}

func converse(s *Server, conn net.Conn, count *tally) {
	var length [2]byte
	for {
		conn.SetReadDeadline(time.Now().Add(streamIdle))
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		pkt := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, pkt); err != nil {
			return
		}
		start := time.Now()
		reply := s.answerStream(pkt, count)
		if reply == nil {
			return
		}
		conn.SetWriteDeadline(time.Now().Add(streamWrite))
		out := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reply)), uint16(len(reply)))
		if _, err := conn.Write(append(out, reply...)); err != nil {
			return
		}
		count.took(1, time.Since(start))
	}
}

func (s *Server) answerStream(pkt []byte, count *tally) []byte {
	reply, ask := s.answer(pkt, false, rand.Uint32())
	if ask != nil {
		reply = s.askNow(ask, count)
	}
	if reply == nil {
		count.ignored.Add(1)
		return nil
	}
	count.tcp.Add(1)
	count.reply(pkt, reply)
	return reply
}

// askNow waits for a recursor, unless too many wait already.
func (s *Server) askNow(a *ask, count *tally) []byte {
	count.asked.Add(1)
	if !s.forward.reserve() {
		return a.take(nil)
	}
	defer s.forward.release()
	return s.forward.run(s.ctx, a)
}

func (t *stream) keep(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close()
		return false
	}
	t.conns[conn] = true
	return true
}

func (t *stream) drop(conn net.Conn) {
	conn.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, conn)
}

// close ends all connections.
func (t *stream) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.ln.Close()
	for conn := range t.conns {
		conn.Close()
	}
}
