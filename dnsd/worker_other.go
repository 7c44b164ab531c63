//go:build !linux

package dnsd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// packetMax is larger than any question that makes sense.
const packetMax = 2048

// A worker is one UDP socket and the goroutine that reads it. Only Linux has
// the batched kind; this one lets the program be built and tried elsewhere.
type worker struct {
	conn  *net.UDPConn
	asks  sync.WaitGroup
	tally tally
	turn  uint32
	q     question
}

func openWorkers(ap netip.AddrPort, _ int) ([]*worker, netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap))
	if err != nil {
		return nil, ap, err
	}
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	return []*worker{{conn: conn}}, netip.AddrPortFrom(ap.Addr(), port), nil
}

// serve answers until wake.
func (w *worker) serve(s *Server) {
	defer w.close()
	var in [packetMax]byte
	var out [udpMax]byte
	for {
		n, from, err := w.conn.ReadFromUDPAddrPort(in[:])
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		start := time.Now()
		w.turn += 0x9E3779B1
		if size := s.quick(&w.q, in[:n], out[:], w.turn>>8); size > 0 {
			w.tally.answered(w.q.qtype, int(out[3]&0xF))
			w.transmit(out[:size], from)
		} else {
			w.answerOdd(s, in[:n], from)
		}
		w.tally.took(1, time.Since(start))
	}
}

func (w *worker) answerOdd(s *Server, pkt []byte, from netip.AddrPort) {
	reply, ask := s.answer(pkt, true, w.turn>>8)
	if ask != nil {
		w.tally.asked.Add(1)
		if s.forward.reserve() {
			w.later(s, ask, from)
			return
		}
		reply = ask.take(nil)
	}
	if reply == nil {
		w.tally.ignored.Add(1)
		return
	}
	w.tally.reply(pkt, reply)
	w.transmit(reply, from)
}

func (w *worker) later(s *Server, a *ask, from netip.AddrPort) {
	qtype := a.r.msg.Question[0].Qtype
	w.asks.Add(1)
	s.wg.Go(func() {
		defer w.asks.Done()
		defer s.forward.release()
		reply := s.forward.run(s.ctx, a)
		w.tally.answered(qtype, int(reply[3]&0xF))
		w.transmit(reply, from)
	})
}

func (w *worker) transmit(b []byte, to netip.AddrPort) {
	if _, err := w.conn.WriteToUDPAddrPort(b, to); err != nil {
		w.tally.unsent.Add(1)
	}
}

// wake makes serve return.
func (w *worker) wake() { w.conn.SetReadDeadline(time.Unix(1, 0)) }

func (w *worker) close() {
	w.asks.Wait()
	w.conn.Close()
}
