package world

import (
	"fmt"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

const (
	beliefsMax  = 64 // remembered of each host
	timelineMax = 40 // lines that are shown
)

// timeline is what the hosts came to believe, lately.
type timeline struct{ of map[*Host][]belief }

type belief struct {
	at     time.Duration
	change catalog.Change
}

func (t *timeline) note(at time.Duration, h *Host, changes []catalog.Change) {
	if t.of == nil {
		t.of = make(map[*Host][]belief)
	}
	for _, c := range changes {
		t.of[h] = append(t.of[h], belief{at, c})
	}
	if over := len(t.of[h]) - beliefsMax; over > beliefsMax {
		t.of[h] = slices.Clone(t.of[h][over:])
	}
}

// lines are the latest beliefs that have to do with a breach, in order.
func (t *timeline) lines(b *breach) []string {
	type line struct {
		belief
		host *Host
	}
	var all []line
	for h, beliefs := range t.of {
		for _, one := range beliefs {
			if b.about == nil && (b.at == nil || b.at == h) || b.about != nil && one.change.Node == b.about.Name {
				all = append(all, line{one, h})
			}
		}
	}
	slices.SortFunc(all, func(a, b line) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.host.number - b.host.number
	})
	var out []string
	if over := len(all) - timelineMax; over > 0 {
		out = append(out, fmt.Sprintf("(%d earlier)", over))
		all = all[over:]
	}
	for _, l := range all {
		out = append(out, fmt.Sprintf("%10v %s: %s %s: %q -> %q", l.at.Round(time.Millisecond), l.host.Name, l.change.Node, l.change.What, l.change.Before, l.change.After))
	}
	return out
}
