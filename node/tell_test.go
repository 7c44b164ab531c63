package node

import (
	"testing"
	"time"
)

func TestWhoeverSpeaksInACrowdSpeaksLess(t *testing.T) {
	for _, tt := range []struct {
		heard uint64
		in    time.Duration
		want  time.Duration
	}{
		{1, time.Hour, tellPauseMin},
		{50, time.Second, tellPauseMin},
		{300, time.Second, 600 * time.Millisecond},
		{100_000, time.Second, tellPauseMax},
		{3, 0, tellPauseMin}, // a moment is too short to judge by
	} {
		if got := tellPause(tt.heard, tt.in); got != tt.want {
			t.Errorf("%d words in %v: silent for %v, want %v", tt.heard, tt.in, got, tt.want)
		}
	}
}
