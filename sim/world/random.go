package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

// Random is a plan of trouble for a world, drawn from its seed: rounds of a few
// things at once, with some calm between them, until d is over.
func Random(c Config, d time.Duration) Step {
	c.settle()
	r := &roll{rand.New(rand.NewPCG(c.Seed, 0x706c616e)), c}
	var plan Sequence
	for spent := time.Duration(0); spent < d; {
		long := r.between(5*time.Second, 40*time.Second)
		var round Parallel
		for range 1 + r.IntN(3) {
			round = append(round, r.step(long))
		}
		calm := r.between(0, 30*time.Second)
		plan = append(plan, round, Wait(calm))
		spent += long + calm
	}
	return plan
}

type roll struct {
	*rand.Rand
	c Config
}

// between is uniform, in whole milliseconds, so that a plan can be read.
func (r *roll) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(r.Int64N(int64(most-least)+1))).Truncate(time.Millisecond)
}

func (r *roll) host() string { return fmt.Sprintf("n%d", r.IntN(r.c.Nodes)) }
func (r *roll) dc() string   { return fmt.Sprintf("dc%d", 1+r.IntN(r.c.Datacenters)) }
func (r *roll) rack() string { return fmt.Sprintf("%s-r%d", r.dc(), 1+r.IntN(r.c.Racks)) }

// side is mostly a host, sometimes a rack.
func (r *roll) side() string {
	if r.c.Racks > 1 && r.IntN(4) == 0 {
		return r.rack()
	}
	return r.host()
}

// other is what is on the far end: a side, a data centre, or everyone.
func (r *roll) other() string {
	switch r.IntN(4) {
	case 0:
		return ""
	case 1:
		return r.dc()
	}
	return r.side()
}

// step is one thing that happens for about as long.
func (r *roll) step(long time.Duration) Step {
	times := 1 + r.IntN(5)
	part := (long / time.Duration(2*times)).Truncate(time.Millisecond)
	switch r.IntN(12) {
	case 0, 1:
		return Crash{A: r.side(), For: long}
	case 2:
		return Crash{A: r.side(), For: long, Wipe: true}
	case 3:
		return Leave{A: r.host(), For: long}
	case 4:
		return Restart{A: r.rack(), Pause: part}
	case 5:
		return Flip{A: r.side(), Every: part, Times: times}
	case 6:
		return Flap{Fault: sim.Down{A: r.side()}, On: part, Off: part, Times: times}
	case 7:
		return During{sim.Cut{A: r.side(), B: r.other(), OneWay: r.IntN(2) == 0}, long}
	case 8:
		return During{sim.Loss{Rate: float64(1+r.IntN(30)) / 100}, long}
	case 9:
		return During{sim.Mute{A: r.side(), B: r.other()}, long}
	case 10:
		return Parallel{
			During{sim.Duplicate{Rate: float64(r.IntN(30)) / 100}, long},
			During{sim.Reorder{Rate: float64(r.IntN(30)) / 100, Late: r.between(0, time.Second)}, long},
		}
	}
	return Skew{A: r.side(), By: r.between(-10*time.Minute, 10*time.Minute), Drift: r.Float64()/50 - 0.01, For: long}
}
