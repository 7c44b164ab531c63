package node

import (
	"fmt"
	"testing"
	"time"
)

func TestClockIsJudgedByMostPeers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var c clock
	for i, step := range []struct {
		peer    string
		ahead   time.Duration
		changed bool
	}{
		{"a", time.Hour, false},  // one peer may be wrong itself
		{"b", time.Hour, false},  // two may
		{"c", time.Hour, true},   // three agree: it is us
		{"c", time.Hour, false},  // told once
		{"d", time.Hour, false},  //
		{"a", 0, false},          // mended: one peer after the other says so
		{"b", 0, false},          //
		{"c", time.Second, true}, // now most say so
		{"e", -time.Hour, false}, // a peer with a wrong clock moves nothing
	} {
		if got := c.heard(step.peer, now.Add(-step.ahead), now, 0); got != step.changed {
			t.Errorf("step %d: changed %v, want %v; offset %v", i, got, step.changed, c.offset())
		}
	}
	if got := c.offset().Abs(); got > time.Second {
		t.Errorf("offset %v, want at most 1s", got)
	}
	for i := range 1000 {
		c.heard(fmt.Sprint(i), now, now, 2*time.Second)
	}
	if len(c.samples) != clockPeers || c.offset() != -time.Second {
		t.Errorf("%d samples, offset %v; want %d, -1s: half of the round trip", len(c.samples), c.offset(), clockPeers)
	}
}
