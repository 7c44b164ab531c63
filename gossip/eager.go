package gossip

import (
	"bytes"
	"math/rand/v2"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/serf/serf"
)

// userEvent is the first byte of Serf's user event on the wire.
const userEvent = 3

// wireEvent is the rest of it, in msgpack with these names (Serf's
// messageUserEvent).
type wireEvent struct {
	LTime   serf.LamportTime
	Name    string
	Payload []byte
	CC      bool
}

// forward hands a word that was news to a few members at random, at once, as
// the very packet that gossip would send: the receiver's Serf knows it from
// one that it has, and hands on one that it has not. The timer-driven gossip
// is the repair for what this loses.
func (m *Mesh) forward(e serf.UserEvent) {
	peers := *m.peers.Load()
	if len(peers) == 0 || m.config.Settings.EagerNodes == 0 {
		return
	}
	raw, err := encodeEvent(e)
	if err != nil {
		return // gossip has it
	}
	n := min(m.config.Settings.EagerNodes, len(peers))
	for _, i := range pick(len(peers), n) {
		if m.serf.Memberlist().SendBestEffort(peers[i].node, raw) == nil {
			m.forwarded.Add(1)
		}
	}
}

func encodeEvent(e serf.UserEvent) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte(userEvent)
	err := codec.NewEncoder(&buf, &codec.MsgpackHandle{}).Encode(wireEvent{e.LTime, e.Name, e.Payload, e.Coalesce})
	return buf.Bytes(), err
}

// pick is k different numbers below n, at random.
func pick(n, k int) []int {
	if k >= n {
		return rand.Perm(n)
	}
	out := make([]int, 0, k)
	seen := make(map[int]bool, k)
	for len(out) < k {
		if i := rand.IntN(n); !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}
