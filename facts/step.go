package facts

import "math/bits"

// steps is how many steps of 5 percent a file system is filled in.
const steps = 20

// slack is how far used must fall below the step that was said before it is
// taken back, in parts of size: 2 percent. Log rotation moves less.
const slack = 50

// step rounds used down to a step of 5 percent of size. Up it goes at once, so
// that a disk is never fuller than it says by a step; down only when used is
// slack below previous, the step that was said last, so that a value that
// wobbles round an edge is said once.
func step(previous, size, used uint64) uint64 {
	used = min(used, size)
	now := uint64(0)
	for i := uint64(1); i <= steps && edge(size, i) <= used; i++ {
		now = edge(size, i)
	}
	if previous > now && onStep(previous, size) && used+size/slack >= previous {
		return previous
	}
	return now
}

// edge is the i-th of steps parts of size.
func edge(size, i uint64) uint64 {
	hi, lo := bits.Mul64(size, i)
	q, _ := bits.Div64(hi, lo, steps) // hi < steps, as i <= steps: no overflow
	return q
}

func onStep(v, size uint64) bool {
	for i := uint64(0); i <= steps; i++ {
		if edge(size, i) == v {
			return true
		}
	}
	return false
}

// steadySize is the size to say of a file system whose server or pool works it
// out anew each time: as before unless it moved by a hundredth.
func steadySize(previous, now uint64) uint64 {
	if d := max(previous, now) - min(previous, now); d < previous/100 {
		return previous
	}
	return now
}
