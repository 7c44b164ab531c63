package gossip

import (
	"encoding/base64"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// TestOldEncryptionEndsNobody: real messages of an encrypted mesh, with their
// version put back, are sent to a member by packet and by stream.
func TestOldEncryptionEndsNobody(t *testing.T) {
	key := make([]byte, 32)
	inbox := make(chan *memberlist.Packet, 1)
	start := func(id string, transport Transport) *Mesh {
		t.Helper()
		m, err := Start(Config{
			ID: id, Name: id, BindAddress: "127.0.0.1", AdvertiseAddress: "127.0.0.1", Key: base64.StdEncoding.EncodeToString(key), Forget: time.Hour,
			Member: func(Member) {}, Heard: func(string, []byte) bool { return false }, Trouble: func(Trouble) {}, Transport: transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	victim := start("victim", nil)
	own, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: victim.config.logs()})
	if err != nil {
		t.Fatal(err)
	}
	tap := &tapped{own, inbox}
	other := start("other", tap)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(victim.Self().Port))
	if _, err := other.Join([]string{address}); err != nil {
		t.Fatal(err)
	}
	overheard := (<-inbox).Buf
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	old := slices.Clone(overheard)
	old[0] = paddedVersion
	for range 100 { // the last byte of the text says how much it would take off
		c.Write(old)
	}
	for range 16 {
		s, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s.Write(append([]byte{encryptedStream, 0, 0, 0, byte(len(old))}, old...))
		s.SetReadDeadline(time.Now().Add(time.Second))
		s.Read(make([]byte, 1))
		s.Close()
	}
	if _, err := other.Join([]string{address}); err != nil {
		t.Errorf("the victim no longer answers: %v", err)
	}
}

// tapped overhears one packet of those that are sent.
type tapped struct {
	*memberlist.NetTransport
	inbox chan *memberlist.Packet
}

func (t *tapped) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	select {
	case t.inbox <- &memberlist.Packet{Buf: slices.Clone(b)}:
	default:
	}
	return t.NetTransport.WriteToAddress(b, a)
}

func TestGuardedConn(t *testing.T) {
	for _, tt := range []struct {
		sent []byte
		pass bool
	}{
		{[]byte{encryptedStream, 0, 0, 0, 9, 1, 2, 3}, true},
		{[]byte{encryptedStream, 0, 0, 0, 9, paddedVersion, 2, 3}, false},
		{[]byte{6, 0, 0, 0, 9, 0, 2, 3}, true}, // not encrypted: memberlist refuses it
	} {
		for _, size := range []int{1, 3, 64} { // however it comes
			ours, theirs := net.Pipe()
			go func() { theirs.Write(tt.sent); theirs.Close() }()
			c := &guardedConn{Conn: ours}
			var got []byte
			var err error
			for b := make([]byte, size); err == nil; {
				var n int
				n, err = c.Read(b)
				got = append(got, b[:n]...)
			}
			ours.Close()
			if passed := slices.Equal(got, tt.sent); passed != tt.pass {
				t.Errorf("%v by %d: got %v, %v", tt.sent, size, got, err)
			}
		}
	}
}
