package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
)

// apart is how far the model may be from the real code.
const apart = 0.10

// trial is a mesh to compare.
type trial struct {
	nodes    int
	settings gossip.Settings
	name     string
	short    bool
}

// trials are 100 nodes with the settings that ship, in a few runs; or many runs
// of the sizes that YODEL_MODEL_NODES names ("100,300,1000"), with Serf's
// settings too: 300 need minutes of CPU and 300 MB, 1,000 half an hour and 3 GB.
func trials(t *testing.T) []trial {
	if testing.Short() {
		t.Skip("runs a mesh of the real code")
	}
	names := os.Getenv("YODEL_MODEL_NODES")
	if names == "" {
		return []trial{{100, gossip.LAN(), "LAN", true}}
	}
	var all []trial
	for name := range strings.SplitSeq(names, ",") {
		n, err := strconv.Atoi(name)
		if err != nil || n < 10 {
			t.Fatalf("YODEL_MODEL_NODES: %q", name)
		}
		all = append(all, trial{n, gossip.LAN(), "LAN " + name, false}, trial{n, gossip.Stock(), "Stock " + name, false})
	}
	return all
}

// some is fewer in a short trial.
func (x trial) some(count int) int {
	if x.short {
		return count / 3
	}
	return count
}

// like are a model's settings that are those of the real code; without pulls,
// since package gossip alone makes none.
func like(s gossip.Settings) Settings {
	return Settings{
		GossipInterval: s.GossipInterval, GossipNodes: s.GossipNodes, RetransmitMult: s.RetransmitMult, EagerNodes: s.EagerNodes,
		ProbeInterval: s.ProbeInterval, ProbeTimeout: s.ProbeTimeout, IndirectChecks: s.IndirectChecks,
		SuspicionMult: s.SuspicionMult, SuspicionMax: s.SuspicionMax, SuspicionWindow: s.SuspicionWindow,
		AwarenessMax: s.AwarenessMax, PushPullInterval: s.PushPullInterval, EventBuffer: 1024,
		ExchangePause: 5 * time.Second, ExchangePausePerNode: time.Millisecond, ExchangeQuiet: 3 * time.Second, ExchangeLate: 20 * time.Second,
	}
}

// world is one that is like that of inReal.
func worldOf(nodes int, s gossip.Settings) Config {
	return Config{Nodes: nodes, Links: Links{Datacenter: Link{Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond}}, Settings: like(s), Seed: 1}
}

// compare fails if two figures are too far apart, and that cannot be chance.
// Noise is the standard deviation of the real one, by resampling whole runs.
func compare(t *testing.T, what string, model, real [][]time.Duration, figure func([][]time.Duration) time.Duration) {
	t.Helper()
	m, r := float64(figure(model)), float64(figure(real))
	noise := resample(real, figure)
	line := fmt.Sprintf("%s: model %.4g ms, real %.4g ms: %+.1f %%, noise %.1f %%", what, m/1e6, r/1e6, 100*(m/r-1), 100*noise/r)
	t.Log(line)
	if math.Abs(m-r) > max(apart*r, 4*noise) {
		t.Error(line)
	}
}

// comparePooled compares a quantile over all nodes of all runs. Delays come in
// hops, so that a quantile may lie at the edge between two and chance moves it
// far; hence it is the shares that chance is allowed for: of the nodes, about
// share have been reached when the model's quantile comes, give or take apart.
func comparePooled(t *testing.T, share float64, model, real [][]time.Duration) {
	t.Helper()
	m, r := float64(pooled(share)(model)), float64(pooled(share)(real))
	early, earlyNoise := reached(real, time.Duration(m*(1-apart)))
	late, lateNoise := reached(real, time.Duration(m*(1+apart)))
	line := fmt.Sprintf("p%.0f: model %.4g ms, real %.4g ms: %+.1f %%; the real one reaches %.1f ± %.1f to %.1f ± %.1f %% within %.0f %% of it",
		100*share, m/1e6, r/1e6, 100*(m/r-1), 100*early, 100*earlyNoise, 100*late, 100*lateNoise, 100*apart)
	t.Log(line)
	if early-4*earlyNoise > share || late+4*lateNoise < share {
		t.Error(line)
	}
}

// reached is the share of nodes that know by a time, and the standard error of
// it, from the differences between runs.
func reached(runs [][]time.Duration, at time.Duration) (mean, noise float64) {
	var sum, squares float64
	for _, run := range runs {
		n, found := slices.BinarySearch(run, at)
		if found {
			n++
		}
		share := float64(n) / float64(len(run))
		sum, squares = sum+share, squares+share*share
	}
	n := float64(len(runs))
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean) / n)
}

// resample is the standard deviation of a figure, by the bootstrap.
func resample(samples [][]time.Duration, figure func([][]time.Duration) time.Duration) float64 {
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 200
	var sum, squares float64
	for range rounds {
		again := make([][]time.Duration, len(samples))
		for i := range again {
			again[i] = samples[random.IntN(len(samples))]
		}
		x := float64(figure(again))
		sum, squares = sum+x, squares+x*x
	}
	return math.Sqrt(max(0, squares/rounds-sum/rounds*sum/rounds))
}

// near fails if two averages over many samples are too far apart.
func near(t *testing.T, what string, model, real float64) {
	t.Helper()
	line := fmt.Sprintf("%s: model %.1f, real %.1f: %+.1f %%", what, model, real, 100*(model/real-1))
	t.Log(line)
	if math.Abs(model/real-1) > apart {
		t.Error(line)
	}
}

// pooled is a quantile over all nodes of all runs.
func pooled(share float64) func([][]time.Duration) time.Duration {
	return func(runs [][]time.Duration) time.Duration {
		d := Delays{Reached: slices.Concat(runs...)}
		slices.Sort(d.Reached)
		return d.Quantile(share)
	}
}

// middle is the median of a figure of each run.
func middle(figure func([]time.Duration) time.Duration) func([][]time.Duration) time.Duration {
	return func(runs [][]time.Duration) time.Duration {
		var d Delays
		for _, run := range runs {
			d.Reached = append(d.Reached, figure(run))
		}
		slices.Sort(d.Reached)
		return d.Quantile(0.5)
	}
}

func first(run []time.Duration) time.Duration { return run[0] }
func last(run []time.Duration) time.Duration  { return run[len(run)-1] }

func TestNewsSpreadsAsInTheRealCode(t *testing.T) {
	for _, x := range trials(t) {
		t.Run(x.name, func(t *testing.T) {
			var real [][]time.Duration
			var bytes float64
			words := x.some(120)
			inReal(t, x.nodes, x.settings, 1, func(r *mesh) {
				_, before, _ := r.traffic()
				began := time.Now()
				for i := range words {
					d := r.say(i*7%x.nodes, fmt.Sprint("word ", i), 120, 12*x.settings.GossipInterval+r.net.Random(x.settings.GossipInterval))
					if len(d) != x.nodes {
						t.Fatalf("word %d reached %d of %d", i, len(d), x.nodes)
					}
					real = append(real, d)
				}
				_, after, _ := r.traffic()
				probes := float64(time.Since(began)) / float64(x.settings.ProbeInterval)
				wire := Measured()
				bytes = (float64(after-before)/float64(x.nodes) - probes*float64(wire.Ping+wire.Ack)) / float64(words)
			})
			s, err := Spread(worldOf(x.nodes, x.settings), x.some(800))
			if err != nil {
				t.Fatal(err)
			}
			var model [][]time.Duration
			for _, d := range s.News {
				model = append(model, d.Reached)
			}
			comparePooled(t, 0.5, model, real)
			comparePooled(t, 0.9, model, real)
			comparePooled(t, 0.99, model, real)
			compare(t, "median of the last", model, real, middle(last))
			near(t, "bytes for each word and node", s.Bytes, bytes)
		})
	}
}

func TestDeathsAreSeenAsInTheRealCode(t *testing.T) {
	for _, x := range trials(t) {
		t.Run(x.name, func(t *testing.T) {
			const kills = 3
			rounds := x.some(15)
			var real [][]time.Duration
			inReal(t, x.nodes+rounds*kills, x.settings, 2, func(r *mesh) {
				for round := range rounds {
					real = append(real, r.kill(round*kills, kills, 75*x.settings.ProbeInterval)...)
				}
			})
			c := worldOf(x.nodes+rounds*kills/2, x.settings)
			c.Kills = kills
			detections, err := Kill(c, x.some(120))
			if err != nil {
				t.Fatal(err)
			}
			var model [][]time.Duration
			for _, d := range detections {
				model = append(model, d.Failed.Reached)
			}
			compare(t, "first", model, real, middle(first))
			comparePooled(t, 0.5, model, real)
			compare(t, "median of the last", model, real, middle(last))
		})
	}
}

func TestRestCostsAsInTheRealCode(t *testing.T) {
	for _, x := range trials(t) {
		t.Run(x.name, func(t *testing.T) {
			x.settings.PushPullInterval = 15 * time.Second // else one needs hours
			c := worldOf(x.nodes, x.settings)
			d := time.Duration(x.some(3)) * newWorld(c.withDefaults()).groups[0].pushPull // each node has so many in it, and not one more
			model, err := Idle(c, 3*d)
			if err != nil {
				t.Fatal(err)
			}
			inReal(t, x.nodes, x.settings, 3, func(r *mesh) {
				time.Sleep(d / time.Duration(x.some(3))) // the first one is late
				p0, b0, s0 := r.traffic()
				time.Sleep(d)
				p1, b1, s1 := r.traffic()
				share := d.Seconds() * float64(x.nodes)
				near(t, "packets/s", model.Packets, float64(p1-p0)/share)
				near(t, "bytes/s", model.Bytes, float64(b1-b0)/share)
				near(t, "bytes/s of streams", model.Streams, float64(s1-s0)/share)
			})
		})
	}
}

// Doubts come in bursts: a minute of them at 100 nodes differs from the next
// one by a tenth. A short trial would only tell that they are of one order.
func TestLossMakesDoubtsAsInTheRealCode(t *testing.T) {
	for _, x := range trials(t) {
		if x.short || x.nodes > 300 {
			continue // a second of 1,000 nodes with this loss costs a second of CPU and more
		}
		t.Run(x.name, func(t *testing.T) {
			const loss = 0.20
			c := worldOf(x.nodes, x.settings)
			c.Links.Datacenter.Loss = loss
			d := 300 * x.settings.ProbeInterval
			model, err := Suspicions(c, 10*d)
			if err != nil {
				t.Fatal(err)
			}
			inReal(t, x.nodes, x.settings, 4, func(r *mesh) {
				if err := r.net.Apply(sim.Loss{Rate: loss}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * x.settings.ProbeInterval)
				r.reset()
				r.listening.Store(true)
				p0, b0, _ := r.traffic()
				time.Sleep(d)
				p1, b1, _ := r.traffic()
				r.listening.Store(false)
				share := d.Seconds() * float64(x.nodes)
				near(t, "packets/s", model.Traffic.Packets, float64(p1-p0)/share)
				near(t, "bytes/s", model.Traffic.Bytes, float64(b1-b0)/share)
				near(t, "probes that failed", float64(model.Suspicions)/10, float64(r.doubted.Load()))
				t.Logf("members given up by one: model %.1f, real %d", float64(model.Failures)/10, len(r.gone))
			})
		})
	}
}
