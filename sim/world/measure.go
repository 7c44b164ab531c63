package world

import (
	"fmt"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
)

// Spread is how news got around, once for each piece of news.
type Spread struct {
	Delays  []Delays `json:"delays_ns"`
	Missed  int      `json:"missed"`  // hosts that had not heard within spreadMax, of all news
	Traffic Traffic  `json:"traffic"` // of one piece of news, what an idle mesh sends taken off
}

// spreadMax is how long a piece of news is waited for; anti-entropy repairs
// within it.
const spreadMax = 30 * time.Second

// News changes the check of one host after the other, count times, and takes
// the time until each other host believes it.
func (w *World) News(count int) (Spread, error) {
	var out Spread
	idle, before, began := w.Idle(newsPause*2).Per(2*newsPause.Seconds()), w.traffic(), time.Now()
	statuses := [2]checks.Status{checks.Warning, checks.Passing}
	for i := range count {
		h := w.hosts[(i*7919)%len(w.hosts)] // everywhere
		s := newStopwatch(len(w.Up()) - 1)
		unwatch := w.watch(func(at *Host, _ int, n catalog.News) {
			if o, _ := h.origin(); n.Origin != o || at == h {
				return
			}
			for _, e := range n.Entries {
				if e.Key == catalog.KeyCheck(check) {
					s.stop(at)
				}
			}
		})
		if err := h.set(statuses[i/len(w.hosts)%2]); err != nil {
			unwatch()
			return out, err
		}
		d, missed := s.wait(spreadMax)
		unwatch()
		out.Delays = append(out.Delays, d)
		out.Missed += missed
		w.cfg.Progress(fmt.Sprintf("news %d of %d: %v to the last", i+1, count, d.Max()))
		time.Sleep(newsPause + w.net.Random(newsPause/10))
	}
	all := w.traffic().Sub(before).Sub(idle.Per(1 / time.Since(began).Seconds()))
	out.Traffic = all.Per(float64(count))
	return out, nil
}

// newsPause is long enough for the gossip of one piece of news to end.
const newsPause = 3 * time.Second

// Kill crashes one host after the other, count times, and takes the time until
// it is out of each other host's answers.
func (w *World) Kill(count int) (Spread, error) {
	var out Spread
	before := w.traffic()
	for i := range count {
		h := w.hosts[(i*7919+1)%len(w.hosts)]
		o, up := h.origin()
		if !up {
			return out, fmt.Errorf("kill %s: it is down", h.Name)
		}
		s := newStopwatch(len(w.Up()) - 1)
		unwatch := w.watch(failed(s, o))
		err := h.crash(false)
		if err != nil {
			unwatch()
			return out, err
		}
		d, missed := s.wait(2 * time.Minute)
		unwatch()
		out.Delays = append(out.Delays, d)
		out.Missed += missed
		w.cfg.Progress(fmt.Sprintf("kill %d of %d: %v to the last", i+1, count, d.Max()))
		if err := h.begin(); err != nil {
			return out, err
		}
		if err := w.whole(bootBudget); err != nil {
			return out, err
		}
		time.Sleep(w.net.Random(time.Second))
	}
	out.Traffic = w.traffic().Sub(before).Per(float64(count))
	return out, nil
}

// Idle is what each host sends in d while nothing happens.
func (w *World) Idle(d time.Duration) Traffic {
	before := w.traffic()
	time.Sleep(d)
	return w.traffic().Sub(before)
}

// False lets d go by and counts who was taken for failed without having been:
// hosts, each as often as it was, and by how many others in all.
func (w *World) False(d time.Duration) (hosts, views int) {
	last := make(map[catalog.Origin]time.Time)
	defer w.watch(func(_ *Host, _ int, n catalog.News) {
		if n.Before == nil || n.After == nil || !n.Before.Status.Here() || n.After.Status != catalog.Failed {
			return
		}
		views++
		if at, known := last[n.Origin]; !known || time.Since(at) > sameFailure {
			hosts++
		}
		last[n.Origin] = time.Now()
	})()
	time.Sleep(d)
	return hosts, views
}

// sameFailure is how far apart two may hear of the same false failure.
const sameFailure = 10 * time.Second

// Storm lets the checks of count hosts flip every tenth of a second for d, at
// once, and takes the time from the last change until all hosts believe the
// final state.
func (w *World) Storm(count int, d time.Duration) (settled time.Duration, t Traffic, err error) {
	const every = 100 * time.Millisecond
	before := w.traffic()
	var storm Parallel
	for i := range min(count, len(w.hosts)) {
		storm = append(storm, Flip{A: w.hosts[i].Name, Every: every, Times: int(d / (2 * every))})
	}
	if err := storm.do(w); err != nil {
		return 0, t, err
	}
	ended := time.Now()
	for err := w.agree(); err != nil; err = w.agree() {
		if time.Since(ended) > healBudget {
			return 0, t, fmt.Errorf("storm of %d checks: not settled after %v: %w", count, healBudget, err)
		}
		time.Sleep(lookEvery / 10)
	}
	return time.Since(ended), w.traffic().Sub(before), nil
}
