package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Batch is the size of a wave: hosts, or percent of all targets.
type Batch struct {
	Hosts   int
	Percent int // 0: Hosts counts
}

// A Spread is what racks have to do with waves.
type Spread int

const (
	AnyRack    Spread = iota // nothing
	OnePerRack               // of any rack at most one host in a wave
	RackByRack               // a wave is all hosts of one rack
)

// ParseBatches reads "1,10%,25%": the sizes of the waves, of which the last is
// that of all others.
func ParseBatches(text string) ([]Batch, error) {
	var all []Batch
	for part := range strings.SplitSeq(text, ",") {
		n, percent, err := parseShare(part)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("read batches %.40q: %.20q, must be a number from 1, or a percentage from 1%% to 100%%", text, part)
		}
		if percent {
			all = append(all, Batch{Percent: n})
		} else {
			all = append(all, Batch{Hosts: n})
		}
	}
	return all, nil
}

// ParseMaxFail reads "3" or "5%" of so many targets, rounded down: how many may
// fail.
func ParseMaxFail(text string, targets int) (int, error) {
	n, percent, err := parseShare(text)
	if err != nil {
		return 0, fmt.Errorf("read max-fail %.20q: must be a number, or a percentage up to 100%%", text)
	}
	if percent {
		n = targets * n / 100
	}
	return n, nil
}

func parseShare(text string) (n int, percent bool, err error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err = strconv.Atoi(digits)
	if err == nil && (n < 0 || n > TargetsMax || percent && n > 100 || digits[0] == '+') {
		err = strconv.ErrRange
	}
	return n, percent, err
}

// Plan puts hosts into waves: the targets in their order and the sizes of the
// waves, as an order has them. No batches is one wave, or as few as the racks
// allow. Hosts whose rack is not known count as being in one.
func Plan(hosts []Candidate, batches []Batch, spread Spread) (targets []Target, waves []int, err error) {
	if spread == RackByRack && len(batches) > 0 {
		return nil, nil, errors.New("plan waves: rack by rack has no batches; give one of the two")
	}
	racks := make(map[string][]Candidate)
	for _, h := range slices.SortedFunc(slices.Values(hosts), func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) }) {
		key := h.Rack
		if spread == AnyRack {
			key = ""
		}
		racks[key] = append(racks[key], h)
	}
	for n := 0; len(racks) > 0; n++ {
		var wave []Candidate
		size := batchSize(batches, n, len(hosts))
		switch spread {
		case AnyRack:
			wave = racks[""][:min(size, len(racks[""]))]
			racks[""] = racks[""][len(wave):]
		case OnePerRack:
			for _, rack := range fullest(racks)[:min(size, len(racks))] {
				wave = append(wave, racks[rack][0])
				racks[rack] = racks[rack][1:]
			}
		case RackByRack:
			rack := slices.Min(slices.Collect(maps.Keys(racks)))
			wave, racks[rack] = racks[rack], nil
		}
		maps.DeleteFunc(racks, func(_ string, left []Candidate) bool { return len(left) == 0 })
		slices.SortFunc(wave, func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) })
		for _, h := range wave {
			targets = append(targets, Target{Name: h.Name, Origin: h.Origin})
		}
		waves = append(waves, len(wave))
	}
	return targets, waves, nil
}

// batchSize is the size of wave n: the last one that is given goes on.
func batchSize(batches []Batch, n, hosts int) int {
	if len(batches) == 0 {
		return hosts
	}
	b := batches[min(n, len(batches)-1)]
	if b.Percent > 0 {
		return max(1, (hosts*b.Percent+99)/100)
	}
	return b.Hosts
}

// fullest are the racks, those first that have most hosts to come: so there
// are as few waves as can be.
func fullest(racks map[string][]Candidate) []string {
	return slices.SortedFunc(maps.Keys(racks), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(racks[b]), len(racks[a])), cmp.Compare(a, b))
	})
}
