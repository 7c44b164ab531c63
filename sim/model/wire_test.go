package model

import (
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
)

// Each message that is sent alone has the length that the model counts with,
// less what numbers below 128 save.
func TestMessagesAreAsLongAsTheRealOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a mesh of the real code")
	}
	w := Measured()
	inReal(t, 12, gossip.LAN(), 1, func(r *mesh) {
		time.Sleep(time.Minute) // the numbers of probes grow
		r.mu.Lock()
		r.sizes = make(map[int]int)
		r.mu.Unlock()
		r.say(1, "hello", 120, 2*time.Second)
		sent := func(size int) int {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.sizes[size] + r.sizes[size-1] + r.sizes[size-2]
		}
		for what, size := range map[string]int{"Ping": w.Ping, "Ack": w.Ack, "Word": 120 + w.Word, "Word gossiped": 120 + w.Word + w.Checksum} {
			if sent(size) == 0 {
				t.Errorf("%s: nothing of %d bytes", what, size)
			}
		}
		down := sim.Down{A: "e3"}
		if err := r.net.Apply(down); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		r.net.Lift(down)
		time.Sleep(2 * time.Second) // it refutes
		r.members[5].end.Crash()
		time.Sleep(10 * time.Second)
		for what, size := range map[string]int{
			"Indirect": w.Indirect, "Nack": w.Nack, "Dead": w.Dead + w.Checksum, "Alive": w.Alive + w.Checksum,
			"Ping of a suspect": w.Checksum + 3*packetOverhead + w.Ping + w.Suspect,
		} {
			if sent(size) == 0 {
				t.Errorf("%s: nothing of %d bytes", what, size)
			}
		}
	})
}
