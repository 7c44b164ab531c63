package world

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := Run(Config{Seed: 1, Nodes: 12, Datacenters: 2, Racks: 2}, Sequence{
			Crash{A: "n3", For: 10 * time.Second},
			During{sim.Cut{A: "dc1", B: "dc2"}, 30 * time.Second},
			Flip{A: "dc1-r1", Every: time.Second, Times: 3},
			Restart{A: "dc2", Pause: 2 * time.Second},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", out)
	})
}

func TestVirtual(t *testing.T) {
	start := time.Now()
	err := Virtual(func() { time.Sleep(24 * time.Hour) })
	if err != nil || time.Since(start) > time.Hour {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if err := Virtual(func() { panic("no") }); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("a panic is told as %v", err)
	}
	if err := Virtual(func() { go func() { select {} }() }); err == nil {
		t.Error("a goroutine that waits for ever is not told")
	}
}

var (
	seed = flag.Uint64("seed", 0, "run this one plan of trouble again; 0: fresh ones")
	runs = flag.Int("runs", 2, "how many fresh plans of trouble")
	size = flag.Int("size", 16, "hosts in a plan of trouble")
	last = flag.Duration("last", 2*time.Minute, "virtual time of a plan of trouble")
	disk = flag.Bool("disk", false, "with real stores")
)

// TestTrouble runs random plans with fresh seeds. What breaks prints the seed.
func TestTrouble(t *testing.T) {
	seeds := []uint64{*seed}
	if *seed == 0 {
		seeds = nil
		for range *runs {
			seeds = append(seeds, rand.Uint64N(1e9))
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := Config{Seed: seed, Nodes: *size, Datacenters: 1 + int(seed%3), Racks: 2, Disk: *disk}
			synctest.Test(t, func(t *testing.T) {
				out, err := Run(c, Random(c, *last))
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("healed in %v, %d false failures: %s", out.Healed, out.False, out.Plan)
			})
		})
	}
}
