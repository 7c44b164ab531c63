package dnsd

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// both answers a packet as a UDP worker does.
func both(s *Server, pkt []byte, turn uint32) (reply []byte, quick bool) {
	var q question
	out := make([]byte, udpMax)
	if n := s.quick(&q, pkt, out, turn); n > 0 {
		return out[:n], true
	}
	reply, ask := s.answer(pkt, true, turn)
	if ask != nil {
		reply = ask.take(nil)
	}
	return reply, false
}

// Every packet with a header that is a question gets an answer, whatever
// follows the header.
func TestBrokenPackets(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	good := pack(t, query(t, "h1.node.yodel. A edns"))
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	twoOPT := query(t, "h1.node.yodel. A edns")
	twoOPT.Extra = append(twoOPT.Extra, twoOPT.Extra[0])
	namedOPT := query(t, "h1.node.yodel. A edns")
	namedOPT.Extra[0].Header().Name = "x."
	twoQuestions := query(t, "h1.node.yodel. A")
	twoQuestions.Question = append(twoQuestions.Question, twoQuestions.Question[0])

	tests := []struct {
		name string
		pkt  []byte
		want int // rcode, -1: silence
	}{
		{"empty", nil, -1},
		{"eleven octets", good[:11], -1},
		{"an answer", edit(func(b []byte) []byte { b[2] |= 0x80; return b }), -1},
		{"header alone", good[:12], dns.RcodeFormatError},
		{"no question", append(bytes.Clone(good[:4]), make([]byte, 8)...), dns.RcodeFormatError},
		{"name cut", good[:15], dns.RcodeFormatError},
		{"type cut", good[:12+15+1], dns.RcodeFormatError},
		{"OPT cut", good[:len(good)-3], dns.RcodeFormatError},
		{"pointer to itself", append(bytes.Clone(good[:12]), 0xC0, 12, 0, 1, 0, 1), dns.RcodeFormatError},
		{"reserved label type", edit(func(b []byte) []byte { b[12] = 0x80; return b }), dns.RcodeFormatError},
		{"two questions", pack(t, twoQuestions), dns.RcodeFormatError},
		{"two OPT", pack(t, twoOPT), dns.RcodeFormatError},
		{"OPT with a name", pack(t, namedOPT), dns.RcodeFormatError},
		{"opcode 15", edit(func(b []byte) []byte { b[2] |= 0x78; return b }), dns.RcodeNotImplemented},
		{"TC in a question", edit(func(b []byte) []byte { b[2] |= 0x02; return b }), dns.RcodeSuccess},
		{"octets behind", append(bytes.Clone(good), 1, 2, 3), dns.RcodeSuccess},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply, _ := both(s, tt.pkt, 0)
			if tt.want < 0 {
				if reply != nil {
					t.Fatalf("got %x, want silence", reply)
				}
				return
			}
			m := new(dns.Msg)
			if err := m.Unpack(reply); err != nil {
				t.Fatalf("unpack %x: %v", reply, err)
			}
			if m.Rcode != tt.want || m.Id != binary.BigEndian.Uint16(tt.pkt) || !m.Response {
				t.Errorf("got %s id %d response %t, want %s", rcodeName(m.Rcode), m.Id, m.Response, rcodeName(tt.want))
			}
		})
	}
}

func TestPacketTooLong(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	addr := listen(t, s)
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	conn.Write(append(pack(t, query(t, "h1.node.yodel. A")), make([]byte, packetMax)...))
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if n < headerLen || buf[3]&0xF != dns.RcodeFormatError {
		t.Errorf("got %x, want FORMERR", buf[:n])
	}
}

// Whatever arrives, the server neither panics nor stays silent to a question,
// and what it sends is a DNS message that fits the client.
func FuzzPacketGetsReadableAnswer(f *testing.F) {
	s := newServer(f, fleetConfig(), fleet()...)
	for i, c := range answerTable {
		f.Add(pack(f, query(f, c.question)), uint32(i))
	}
	f.Fuzz(func(t *testing.T, pkt []byte, turn uint32) {
		if len(pkt) > packetMax {
			return
		}
		reply, _ := both(s, pkt, turn)
		if len(pkt) < headerLen || pkt[2]&0x80 != 0 {
			if reply != nil {
				t.Fatalf("answered what is no question: %x", reply)
			}
			return
		}
		if len(reply) < headerLen || len(reply) > udpMax {
			t.Fatalf("%d octets", len(reply))
		}
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil {
			t.Fatalf("unpack %x: %v", reply, err)
		}
		if !bytes.Equal(reply[:2], pkt[:2]) || !m.Response {
			t.Fatalf("answer %x to %x", reply[:4], pkt[:4])
		}
		if stream, _ := s.answer(pkt, false, turn); stream == nil {
			t.Fatal("silence over TCP")
		}
	})
}

// The client's letter case comes back bit for bit (draft-vixie-dnsext-dns0x20).
func TestQuestionComesBackAsSent(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	for _, name := range []string{"hH1.NoDe.YoDeL. A", "h1.NODE.yodel. A", "H9.node.Yodel. A", "c0A80701.AdDr.yodel. A", "wWw.Foo. A"} {
		for _, opts := range []string{"", " edns", " do", " cd", " norec"} {
			pkt := pack(t, query(t, name+opts))
			reply, _ := both(s, pkt, 0)
			end := bytes.IndexByte(pkt[12:], 0) + 12 + 5
			if !bytes.Equal(reply[12:end], pkt[12:end]) {
				t.Errorf("%s: question came back as %q", name+opts, reply[12:end])
			}
		}
	}
}
