package facts

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestStep(t *testing.T) {
	for _, c := range []struct{ previous, size, used, want uint64 }{
		{0, 0, 0, 0},
		{0, 1000, 0, 0},
		{0, 1000, 49, 0},
		{0, 1000, 50, 50},
		{0, 1000, 1000, 1000},
		{0, 1000, 1001, 1000},  // more than there is
		{50, 1000, 49, 50},     // a little below the edge: as before
		{50, 1000, 30, 50},     // 2 percent below: as before
		{50, 1000, 29, 0},      // further: down
		{50, 1000, 100, 100},   // up at once
		{900, 1000, 600, 600},  // far down
		{333, 1000, 320, 300},  // previous is no step of this size
		{2000, 1000, 999, 950}, // nor is this: the file system shrank
		{0, math.MaxUint64, math.MaxUint64, math.MaxUint64},
	} {
		if got := step(c.previous, c.size, c.used); got != c.want {
			t.Errorf("step(%d, %d, %d) = %d, want %d", c.previous, c.size, c.used, got, c.want)
		}
	}
}

// Whatever is used, what is said is a step, at most a step below it and at
// most the slack above it, and saying it again changes nothing.
func TestStepStaysNear(t *testing.T) {
	for range 200_000 {
		size := rand.Uint64() >> rand.UintN(64)
		previous := edge(size, rand.Uint64N(steps+1))
		used := rand.Uint64N(max(size, 1))
		said := step(previous, size, used)
		switch {
		case !onStep(said, size):
			t.Fatalf("step(%d, %d, %d) = %d: no step", previous, size, used, said)
		case said > used && said-used > size/slack:
			t.Fatalf("step(%d, %d, %d) = %d: too high", previous, size, used, said)
		case said <= used && used-said > size/steps+1:
			t.Fatalf("step(%d, %d, %d) = %d: too low", previous, size, used, said)
		case step(said, size, used) != said:
			t.Fatalf("step(%d, %d, %d) = %d, and then %d", previous, size, used, said, step(said, size, used))
		}
	}
}

// A value that wobbles by up to the slack, round any point, is said anew at
// most once.
func TestStepDoesNotFlap(t *testing.T) {
	for range 2000 {
		size := 1 + rand.Uint64()>>rand.UintN(50)
		middle := rand.Uint64N(size)
		width := size / slack
		said, changes := step(0, size, middle), 0
		for range 100 {
			used := middle - min(middle, width/2) + rand.Uint64N(width+1)
			if next := step(said, size, used); next != said {
				said = next
				changes++
			}
		}
		if changes > 1 {
			t.Fatalf("size %d, used about %d: said anew %d times", size, middle, changes)
		}
	}
}

func TestSteadySize(t *testing.T) {
	for _, c := range []struct{ previous, now, want uint64 }{
		{0, 1000, 1000}, {1000, 1009, 1000}, {1000, 991, 1000}, {1000, 1010, 1010}, {1000, 500, 500}, {1000, 0, 0},
	} {
		if got := steadySize(c.previous, c.now); got != c.want {
			t.Errorf("steadySize(%d, %d) = %d, want %d", c.previous, c.now, got, c.want)
		}
	}
}
