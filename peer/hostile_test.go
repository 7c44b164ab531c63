package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// quick is a pace that tests of what takes too long can wait for.
func quick() pace {
	return pace{handshake: 300 * time.Millisecond, idle: 300 * time.Millisecond, stream: 900 * time.Millisecond, linger: 100 * time.Millisecond}
}

func TestStrangersGetNothing(t *testing.T) {
	server, member, stranger := mustIdentity(t), mustIdentity(t), mustIdentity(t)
	handled := make(chan [16]byte, 16)
	s := serve(t, Config{Identity: server, Trust: only(member), Handlers: map[string]Handler{
		"echo": func(_ context.Context, from [16]byte, _ *Stream) error { handled <- from; return nil },
	}}, defaultPace())

	stream := mustDial(t, mustDialer(t, stranger), s, server, "echo")
	_, err := stream.Receive()
	wantError(t, err, "before its first answer (it may not know this host yet")
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a refused client sees %v, want an error that is not EOF", err)
	}
	waitUntil(t, func() bool { return s.Stats().Unproven == 1 })

	// The member, asking for somebody else at this address.
	_, err = mustDialer(t, member).Dial(t.Context(), s.Addr().String(), stranger.Origin(), "echo")
	wantError(t, err, "another host answers there")
	_, err = mustDialer(t, member).Dial(t.Context(), s.Addr().String(), [16]byte{}, "echo")
	wantError(t, err, "no origin given")
	waitUntil(t, func() bool { return s.Stats().Unproven == 2 })
	if len(handled) != 0 {
		t.Error("a handler ran")
	}
}

// Each case is a TLS client that is not one of ours. None may be served, and
// none may have a byte of its own read.
func TestForeignTLSFailsInTheHandshake(t *testing.T) {
	member := mustIdentity(t)
	s := serve(t, Config{Identity: member, Trust: func([16]byte) error { return nil }}, defaultPace())
	good, err := member.tlsConfig(func([16]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, curve.Public(), curve)
	if err != nil {
		t.Fatal(err)
	}
	thief := mustIdentity(t)
	for _, c := range []struct {
		name   string
		change func(*tls.Config)
	}{
		{"no certificate", func(c *tls.Config) { c.Certificates = nil }},
		{"TLS 1.2", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }},
		{"no protocol", func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil }},
		{"other protocol", func(c *tls.Config) { c.NextProtos = []string{"h2"} }},
		{"no ed25519 key", func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: curve}}
		}},
		{"two certificates", func(c *tls.Config) {
			own := c.Certificates[0]
			own.Certificate = append(own.Certificate[:1:1], der)
			c.Certificates = []tls.Certificate{own}
		}},
		{"a member's certificate, another's key", func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: c.Certificates[0].Certificate, PrivateKey: thief.key}}
		}},
		{"a hello that is too long", func(c *tls.Config) {
			for i := range handshakeBytesMax / 200 {
				c.NextProtos = append(c.NextProtos, fmt.Sprintf("%0210d", i))
			}
		}},
		{"a certificate that is too long", func(c *tls.Config) {
			own := c.Certificates[0]
			own.Certificate = append(own.Certificate[:1:1], bytes.Repeat(der, 40))
			c.Certificates = []tls.Certificate{own}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.Stats()
			config := good.Clone()
			c.change(config)
			conn, err := tls.Dial("tcp", s.Addr().String(), config)
			if err == nil {
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				conn.Write(appendFrame(nil, kindVerb, []byte("echo")))
				if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("served %d bytes, %v", n, err)
				}
				conn.Close()
			}
			waitUntil(t, func() bool { return s.Stats().Unproven == before.Unproven+1 })
			if after := s.Stats(); after.Streams != before.Streams {
				t.Error("a stream was begun")
			}
		})
	}
}

// A server of the same protocol that holds another key gets nothing from us.
func TestWrongServerGetsNothing(t *testing.T) {
	member, thief := mustIdentity(t), mustIdentity(t)
	config, err := thief.tlsConfig(func([16]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	own, err := member.certificate()
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string][]tls.Certificate{
		"own key":            config.Certificates,
		"stolen certificate": {{Certificate: own.Certificate, PrivateKey: thief.key}},
	} {
		config := config.Clone()
		config.Certificates = certificates
		l := mustListen(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			defer raw.Close()
			conn := tls.Server(raw, config)
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			if n, _ := conn.Read(make([]byte, 100)); n > 0 {
				t.Errorf("%s: the wrong server read %d bytes", name, n)
			}
		})
		if _, err := mustDialer(t, member).Dial(t.Context(), l.Addr().String(), member.Origin(), "echo"); err == nil {
			t.Errorf("%s: a stream to the wrong server", name)
		}
		l.Close()
		wg.Wait()
	}
}

func TestGarbageIsRefusedInBoundedTimeAndMemory(t *testing.T) {
	a := mustIdentity(t)
	s := serve(t, Config{Identity: a, Trust: only(a)}, defaultPace())
	random := mathrand.New(mathrand.NewPCG(1, 2))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 500
	for i := range rounds {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		garbage := make([]byte, 4096)
		for j := range garbage {
			garbage[j] = byte(random.Uint32())
		}
		if i%2 == 0 { // a TLS record of a client hello, of the longest size
			copy(garbage, []byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xff, 3, 3})
		}
		conn.Write(garbage)
		conn.Close()
	}
	waitUntil(t, func() bool { st := s.Stats(); return st.Unproven+st.Crowded == rounds && st.Handshakes == 0 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	t.Logf("%+v", s.Stats())
	time.Sleep(1100 * time.Millisecond) // the next second of acceptsPerSource
	exchange(t, mustDial(t, mustDialer(t, a), s, a, "echo"))
}

// Many connections that say nothing, or drip: each ends, and while they last
// members from other addresses are served.
func TestSlowLorisEndsAndBlocksNobodyElse(t *testing.T) {
	a := mustIdentity(t)
	s := serve(t, Config{Identity: a, Trust: only(a)}, quick())
	loris := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}}
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 2 * handshakesPerSourceMax {
		conn, err := loris.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wg.Go(func() {
			drip := []byte{22, 3, 1, 0x20, 0}
			for j := 0; ; j++ {
				if i%2 == 0 && j < 1000 {
					if _, err := conn.Write(drip[j%5 : j%5+1]); err != nil {
						return
					}
				}
				conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					var timeout net.Error
					if !errors.As(err, &timeout) || !timeout.Timeout() {
						return
					}
				}
			}
		})
	}
	waitUntil(t, func() bool { return s.Stats().Crowded == handshakesPerSourceMax })
	if n := s.Stats().Handshakes; n > handshakesPerSourceMax {
		t.Errorf("%d handshakes held by one address, limit %d", n, handshakesPerSourceMax)
	}
	exchange(t, mustDial(t, mustDialer(t, a), s, a, "echo"))
	wg.Wait()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("slow connections lasted %v", took)
	}
}

// A member that misbehaves after the handshake.
func TestMembersAreHeldToTheLimits(t *testing.T) {
	a := mustIdentity(t)
	oversized := binary.BigEndian.AppendUint32(nil, uint32(FrameMax+1))
	verb := slices.Clip(appendFrame(nil, kindVerb, []byte("echo")))
	for _, c := range []struct {
		name string
		talk func(conn net.Conn)
		want string // the refusal; empty: cut without one
	}{
		{"frame too long", func(c net.Conn) { c.Write(append(verb, oversized...)) }, "frame of 1048577 bytes, limit 1048576"},
		{"unknown kind", func(c net.Conn) { c.Write(append(verb, 9, 0, 0, 0)) }, "frame of unknown kind 9"},
		{"second verb", func(c net.Conn) { c.Write(append(verb, verb...)) }, "frame of kind 3 in mid-stream"},
		{"end with a payload", func(c net.Conn) { c.Write(append(verb, 1, 0, 0, 1, 'x')) }, "frame of 1 bytes, limit 0"},
		{"no verb", func(c net.Conn) { c.Write([]byte{0, 0, 0, 0}) }, "want a verb"},
		{"long verb", func(c net.Conn) { c.Write([]byte{3, 0, 0, verbMax + 1}) }, "frame of 65 bytes, limit 64"},
		{"silence", func(net.Conn) {}, "i/o timeout"},
		{"silence after the verb", func(c net.Conn) { c.Write(verb) }, "i/o timeout"},
		{"half a frame", func(c net.Conn) { c.Write(append(verb, 0, 0, 1, 0, 'x')) }, "i/o timeout"},
		{"too slow all in all", func(c net.Conn) {
			for c.SetDeadline(time.Now().Add(time.Minute)); ; time.Sleep(100 * time.Millisecond) {
				if _, err := c.Write(append(verb, 0, 0, 0, 0)); err != nil {
					return
				}
				verb = nil
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, Config{Identity: a, Trust: only(a)}, quick())
			config, err := a.tlsConfig(func([16]byte) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			conn, err := tls.Dial("tcp", s.Addr().String(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			start := time.Now()
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() { c.talk(conn) })
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			var last []byte
			for {
				k, payload, err := readFrame(conn)
				if err != nil {
					break
				}
				if k == kindRefusal {
					last = payload
				}
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("lasted %v", took)
			}
			if !bytes.Contains(last, []byte(c.want)) {
				t.Errorf("refused with %q, want %q", last, c.want)
			}
			conn.Close()
			waitUntil(t, func() bool { return s.Stats().Open == 0 && s.Stats().Failed == 1 })
		})
	}
}

func TestStreamIsBoundedInBytesAndFrames(t *testing.T) {
	var frames, bytes account
	for range StreamFramesMax {
		if err := frames.add(0); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, frames.add(0), "more than 65536 frames")
	for range StreamBytesMax/FrameMax - 1 {
		if err := bytes.add(FrameMax); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, bytes.add(FrameMax), "more than 67108864 bytes")
}

// The memory that a frame takes follows what arrives, not what is announced.
func TestAnnouncedLengthCostsNothing(t *testing.T) {
	announced := binary.BigEndian.AppendUint32(nil, FrameMax)
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := readFrame(bytes.NewReader(announced)); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	})
	if n := got.AllocedBytesPerOp(); n > 4<<10 {
		t.Errorf("%d bytes taken for a header", n)
	}
}

// FuzzFrameReader: no input crashes or takes more than its limit, and what is
// read back was written so.
func FuzzFrameReader(f *testing.F) {
	f.Add(appendFrame(nil, kindVerb, []byte("echo")))
	f.Add(appendFrame(appendFrame(nil, kindData, []byte("x")), kindEnd, nil))
	f.Add(binary.BigEndian.AppendUint32(nil, FrameMax+1))
	f.Add([]byte{9, 0, 0, 0})
	f.Add(append([]byte{0, 0, 0x80, 0}, make([]byte, 0x8000)...))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := bytes.NewReader(input)
		for {
			at := len(input) - r.Len()
			k, payload, err := readFrame(r)
			if err != nil {
				return
			}
			if limit, ok := k.max(); !ok || len(payload) > limit {
				t.Fatalf("frame of kind %d with %d bytes", k, len(payload))
			}
			if again := appendFrame(nil, k, payload); !bytes.Equal(again, input[at:len(input)-r.Len()]) {
				t.Fatal("a frame reads back differently")
			}
		}
	})
}
