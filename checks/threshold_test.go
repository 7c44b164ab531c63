package checks

import (
	"math/rand/v2"
	"testing"
)

func TestThreshold(t *testing.T) {
	const p, w, c = Passing, Warning, Critical
	for _, tt := range []struct {
		name                       string
		passing, warning, critical int
		start                      Status
		seen, want                 []Status
	}{
		{"none set: every look counts", 0, 0, 0, c, []Status{p, c, w, c, p}, []Status{p, c, w, c, p}},
		{"the first look counts, a success", 3, 0, 3, c, []Status{p, c, c, c, p, p, p}, []Status{p, p, p, c, c, c, p}},
		{"the first look counts, a failure", 3, 0, 3, p, []Status{c, p, p, p}, []Status{c, c, c, p}},
		{"one and zero mean the same", 1, 1, 1, c, []Status{p, c, p, c}, []Status{p, c, p, c}},
		{"warning comes before critical", 0, 2, 4, c, []Status{p, c, c, c, c, c}, []Status{p, p, w, w, c, c}},
		{"warning defaults to critical", 0, 0, 2, c, []Status{p, c, c}, []Status{p, p, c}},
		{"a success starts the failures anew", 0, 0, 2, c, []Status{p, c, p, c, p, c, c}, []Status{p, p, p, p, p, p, c}},
		{"a failure starts the successes anew", 2, 0, 0, c, []Status{c, p, c, p, p}, []Status{c, c, c, c, p}},
		{"a warning is a success", 2, 0, 0, c, []Status{c, w, w, p}, []Status{c, c, w, p}},
		{"critical becomes warning by a short failure", 3, 1, 3, p, []Status{c, p, c}, []Status{c, c, w}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			th := newThreshold(Definition{SuccessBeforePassing: tt.passing, FailuresBeforeWarning: tt.warning, FailuresBeforeCritical: tt.critical})
			held := tt.start
			for i, s := range tt.seen {
				if held = th.Step(s, held); held != tt.want[i] {
					t.Errorf("look %d saw %s: got %s, want %s", i, s, held, tt.want[i])
				}
			}
		})
	}
}

// The status follows from the run of equal looks at the end of the sequence,
// where a run that began with the first look counts as long enough.
func TestThresholdIsTheLengthOfTheRun(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		critical := rnd.IntN(5)
		d := Definition{SuccessBeforePassing: rnd.IntN(5), FailuresBeforeCritical: critical, FailuresBeforeWarning: rnd.IntN(critical + 1)}
		warning := d.FailuresBeforeWarning
		if warning == 0 {
			warning = critical
		}
		th, held, want := newThreshold(d), Critical, Critical
		run, runGood, first := 0, false, true
		for i := range 40 {
			seen := []Status{Passing, Warning, Critical}[rnd.IntN(3)]
			good := seen != Critical
			if i == 0 || good != runGood {
				first = i == 0
				run, runGood = 0, good
			}
			run++
			switch {
			case good && (first || run >= d.SuccessBeforePassing):
				want = seen
			case !good && (first || run >= critical):
				want = Critical
			case !good && run >= warning:
				want = Warning
			}
			if held = th.Step(seen, held); held != want {
				t.Fatalf("%+v, look %d, run of %d: got %s, want %s", d, i, run, held, want)
			}
		}
	}
}
