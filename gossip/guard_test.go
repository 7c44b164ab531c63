package gossip

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestOldEncryptionEndsNobody: what memberlist would take more padding off than
// there is comes by packet and by stream.
func TestOldEncryptionEndsNobody(t *testing.T) {
	key := make([]byte, 32)
	victim, err := Start(Config{
		ID: "victim", Name: "victim", BindAddress: "127.0.0.1", AdvertiseAddress: "127.0.0.1", Key: base64.StdEncoding.EncodeToString(key), Forget: time.Hour,
		Member: func(Member) {}, Heard: func(string, []byte) bool { return false }, Trouble: func(Trouble) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(victim.Self().Port))
	head := []byte{encryptedStream, 0, 0, 0, 45}
	for network, message := range map[string][]byte{"udp": padded(t, key, nil), "tcp": append(slices.Clone(head), padded(t, key, head)...)} {
		c, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(message); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // a crash comes sooner
		c.Read(make([]byte, 1))
		c.Close()
	}
	if err := victim.Say("news", []byte("alive")); err != nil {
		t.Error(err)
	}
}

// padded is a message in memberlist's first encryption, whose padding is longer
// than itself.
func padded(t *testing.T, key, head []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	message := append([]byte{paddedVersion}, nonce...)
	return gcm.Seal(message, nonce, bytes.Repeat([]byte{0xff}, aes.BlockSize), head)
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
