package node

import (
	"testing"
	"time"
)

func TestAHostThatMovedIsNoCopy(t *testing.T) {
	var l troubleLog
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		after time.Duration
		moved bool
	}{
		{0, true}, {5 * time.Second, true}, {29 * time.Second, true}, // a host moves
		{31 * time.Second, false}, {5 * time.Minute, false}, // two hosts stay
		{20 * time.Minute, true}, {20*time.Minute + 40*time.Second, false}, // another day
	} {
		if got := l.onlyMoved(start.Add(step.after).UnixNano()); got != step.moved {
			t.Errorf("after %v: only moved is %v", step.after, got)
		}
	}
}
