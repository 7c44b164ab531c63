package model

import (
	"fmt"
	"slices"
	"time"
)

// Detection is how a mesh found out that a node had died.
type Detection struct {
	Suspected time.Duration // until a probe of it had failed; Never: none had
	Failed    Delays        // until each of the others gave it up
}

// Kill has Config.Kills nodes die at one instant, runs times in worlds of their
// own, and answers how each death was seen. Nodes of another data centre in a
// mesh of meshes hear of it as news from their bridges.
func Kill(c Config, runs int) ([]Detection, error) {
	if c.Kills < 1 {
		return nil, fmt.Errorf("Config.Kills: %d, want 1 or more", c.Kills)
	}
	c, err := c.ready(c.Kills, c.Kills*runs)
	if err != nil {
		return nil, err
	}
	var all []Detection
	for run := range runs {
		one := c
		one.Seed += uint64(run) << 32
		d, err := killOnce(one)
		if err != nil {
			return nil, err
		}
		all = append(all, d...)
	}
	return all, nil
}

// A death is a node that was killed, and who knows.
type death struct {
	at        time.Duration
	suspected time.Duration
	seen      []time.Duration // by node
	unaware   int
	word      *news // that it died, for other data centres
}

func killOnce(c Config) ([]Detection, error) {
	w := newWorld(c)
	w.start()
	if err := w.run(w.settleTime()+w.upTo(c.Settings.ProbeInterval), nil); err != nil {
		return nil, err
	}
	deaths := make(map[int32]*death)
	for _, i := range w.random.Perm(c.Nodes)[:c.Kills] {
		w.kill(int32(i))
		deaths[int32(i)] = &death{at: w.now, suspected: Never, seen: slices.Repeat([]time.Duration{never}, c.Nodes)}
	}
	for _, d := range deaths {
		d.unaware = c.Nodes - c.Kills
	}
	w.watch(deaths)
	done := func() bool {
		for _, d := range deaths {
			if d.unaware > 0 {
				return false
			}
		}
		return true
	}
	if err := w.run(w.now+c.Patience, done); err != nil {
		return nil, err
	}
	var all []Detection
	for i := range int32(c.Nodes) {
		if d := deaths[i]; d != nil {
			all = append(all, w.detection(d))
		}
	}
	return all, nil
}

// watch writes down who notices a death.
func (w *world) watch(deaths map[int32]*death) {
	notice := func(i int32, d *death) {
		if node := w.node(i); d.seen[node] == never {
			d.seen[node] = w.now - d.at
			d.unaware--
		}
	}
	w.suspects = func(_, of int32) {
		if d := deaths[w.node(of)]; d != nil && d.suspected == Never {
			d.suspected = w.now - d.at
		}
	}
	w.failed = func(by, of int32) {
		d := deaths[w.node(of)]
		if d == nil {
			return
		}
		notice(by, d)
		if twin := w.members[by].twin; twin >= 0 {
			if d.word == nil {
				d.word = w.announce()
			}
			w.hearWord(by, d.word, true)
			w.hearWord(twin, d.word, true)
		}
	}
	w.learned = func(i int32, n *news) {
		for _, d := range deaths {
			if d.word == n {
				notice(i, d)
			}
		}
	}
}

// node is the node whose part in a mesh a member is.
func (w *world) node(i int32) int32 {
	if int(i) >= w.Nodes {
		return w.members[i].twin
	}
	return i
}

func (w *world) detection(d *death) Detection {
	out := Detection{Suspected: d.suspected}
	for i, at := range d.seen {
		switch {
		case !w.members[i].up:
		case at == never:
			out.Failed.Missed++
		default:
			out.Failed.Reached = append(out.Failed.Reached, at)
		}
	}
	slices.Sort(out.Failed.Reached)
	return out
}
