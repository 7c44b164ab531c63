package jobs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	rack := func(racks ...int) []Candidate { // racks[i] hosts in rack i
		var all []Candidate
		for r, n := range racks {
			for i := range n {
				name := fmt.Sprintf("r%dn%d", r, i+1)
				all = append(all, Candidate{Name: name, Origin: originOf(name), Rack: fmt.Sprintf("/r%d", r)})
			}
		}
		return all
	}
	for _, c := range []struct {
		hosts   []Candidate
		batches string
		spread  Spread
		want    string
	}{
		{rack(5), "", AnyRack, "r0n[1-5]"},
		{rack(10), "1,20%,3", AnyRack, "r0n1 | r0n[2,10] | r0n[3-5] | r0n[6-8] | r0n9"},
		{rack(3), "1%", AnyRack, "r0n1 | r0n2 | r0n3"},
		{rack(4, 2, 1), "", OnePerRack, "r[0-2]n1 | r[0-1]n2 | r0n3 | r0n4"},
		{rack(4, 2, 1), "1,2", OnePerRack, "r0n1 | r0n2,r1n1 | r0n3,r1n2 | r0n4,r2n1"},
		{rack(2, 3), "", RackByRack, "r0n[1-2] | r1n[1-3]"},
	} {
		var batches []Batch
		if c.batches != "" {
			var err error
			if batches, err = ParseBatches(c.batches); err != nil {
				t.Fatal(err)
			}
		}
		targets, waves, err := Plan(c.hosts, batches, c.spread)
		if err != nil {
			t.Fatal(err)
		}
		if got := showWaves(targets, waves); got != c.want {
			t.Errorf("%s %d: %s, want %s", c.batches, c.spread, got, c.want)
		}
	}
	if _, _, err := Plan(rack(2), []Batch{{Hosts: 1}}, RackByRack); err == nil {
		t.Error("batches and racks")
	}
	for _, bad := range []string{"", "0", "1,", "-1", "+1", "101%", "x", "1,,2", "5 %", "20000"} {
		if b, err := ParseBatches(bad); err == nil {
			t.Errorf("%q: %v", bad, b)
		}
	}
	for text, want := range map[string]int{"0": 0, "3": 3, "10%": 1, "100%": 19, "5%": 0} {
		if n, err := ParseMaxFail(text, 19); err != nil || n != want {
			t.Errorf("%s of 19: %d %v", text, n, err)
		}
	}
}

func showWaves(targets []Target, waves []int) string {
	var parts []string
	for _, size := range waves {
		var names []string
		for _, target := range targets[:size] {
			names = append(names, target.Name)
		}
		targets = targets[size:]
		parts = append(parts, Fold(names))
	}
	return strings.Join(parts, " | ")
}

// Every host is in one wave; no wave is larger than its batch, nor has two of a
// rack where that is asked for; the order that comes of it is valid.
func TestPlanProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		var hosts []Candidate
		for i := range 1 + r.IntN(60) {
			name := fmt.Sprintf("n%d", i)
			hosts = append(hosts, Candidate{Name: name, Origin: originOf(name), Rack: fmt.Sprint(r.IntN(1 + r.IntN(8)))})
		}
		var batches []Batch
		spread := Spread(r.IntN(3))
		for range r.IntN(4) {
			if spread != RackByRack {
				batches = append(batches, []Batch{{Hosts: 1 + r.IntN(9)}, {Percent: 1 + r.IntN(100)}}[r.IntN(2)])
			}
		}
		r.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
		targets, waves, err := Plan(hosts, batches, spread)
		if err != nil {
			t.Fatal(err)
		}
		o := plain()
		o.Targets, o.Rollout = targets, &Rollout{Waves: waves, Conductors: []Origin{{1}}}
		if err := o.Validate(); err != nil || len(targets) != len(hosts) {
			t.Fatalf("%v: %d hosts, %d targets\n%s", err, len(hosts), len(targets), showWaves(targets, waves))
		}
		rackOf := make(map[string]string)
		for _, h := range hosts {
			rackOf[h.Name] = h.Rack
		}
		for w, size := range waves {
			racks := make(map[string]int)
			for _, target := range targets[:size] {
				racks[rackOf[target.Name]]++
			}
			targets = targets[size:]
			if spread == OnePerRack && len(racks) != size || spread == RackByRack && len(racks) != 1 || size > batchSize(batches, w, len(hosts)) {
				t.Fatalf("%v %d: wave %d of %d: %v", batches, spread, w, size, racks)
			}
		}
		if spread == OnePerRack && len(batches) == 0 {
			most := make(map[string]int)
			for _, h := range hosts {
				most[h.Rack]++
			}
			fewest := 0
			for _, n := range most {
				fewest = max(fewest, n)
			}
			if len(waves) != fewest {
				t.Fatalf("%d waves, %d would do", len(waves), fewest)
			}
		}
	}
}
