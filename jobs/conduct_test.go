package jobs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func rolling(waves ...int) Order {
	o := plain()
	n := 0
	for _, size := range waves {
		n += size
	}
	o.Targets = hosts(n)
	o.Rollout = &Rollout{Waves: waves, Conductors: []Origin{{1}}}
	return o
}

// A rollout is told by its moves, one line each.
func TestStep(t *testing.T) {
	o := rolling(1, 2, 2)
	o.Rollout.Wait, o.Rollout.MaxFail = time.Minute, 1
	o.Rollout.Gate = &Gate{Check: "hdfs", Within: time.Minute}
	var s Standing
	seen := make([]Progress, 5)
	var gate GateAnswer
	at := func(d time.Duration) time.Time { return o.ID.Time().Add(d) }
	steps := []struct {
		after time.Duration
		do    func()
		want  Action
		why   string
	}{
		{0, nil, Open, "wave 1 of 3 opens, 1 hosts"},
		{time.Second, nil, Hold, "wave 1 of 3: 1 of 1 to come"},
		{2 * time.Second, func() { seen[0].Outcome = OK }, Hold, "waiting until"},
		{61 * time.Second, nil, Hold, "waiting until"},
		{62 * time.Second, nil, AskGate, "the gate is asked"},
		{63 * time.Second, func() { gate.State = GateAsked }, Hold, "the gate is asked"},
		{64 * time.Second, func() { gate = GateAnswer{GateFailed, at(64 * time.Second), "2 missing"} }, Hold, "does not pass yet: 2 missing"},
		{74 * time.Second, nil, AskGate, "again"},
		{75 * time.Second, func() { gate = GateAnswer{State: GatePassed, At: at(75 * time.Second)} }, Open, "wave 2 of 3"},
		{76 * time.Second, func() { seen[1].Outcome = Unreachable }, Hold, "1 of 2 to come"},
		{77 * time.Second, func() { seen[2].Outcome = OK }, Hold, "waiting"},
		{140 * time.Second, nil, AskGate, ""}, // the answer is of another wave
		{200 * time.Second, func() { gate = GateAnswer{GateFailed, at(200 * time.Second), "safe mode is on"} }, Stop, "the gate did not pass: safe mode is on"},
		{201 * time.Second, func() { gate = GateAnswer{State: GatePassed, At: at(201 * time.Second)} }, Stop, "the gate did not pass"},
	}
	for i, step := range steps {
		if step.do != nil {
			step.do()
		}
		var m Move
		s, m = Step(o, s, seen, gate, 5, at(step.after))
		if m.Do != step.want || !strings.Contains(m.Why, step.why) {
			t.Fatalf("step %d: %+v", i, m)
		}
		if m.Do == Stop && (len(m.Targets) != 2 || m.Targets[0].Name != "h0004") {
			t.Errorf("skipped: %+v", m.Targets)
		}
	}
}

func TestStepStops(t *testing.T) {
	progress := func(outcomes ...Outcome) []Progress {
		seen := make([]Progress, len(outcomes))
		for i, o := range outcomes {
			seen[i].Outcome = o
		}
		return seen
	}
	for name, c := range map[string]struct {
		seen      []Progress
		after     time.Duration
		reachable int
		others    int // conductors
		want      Action
		why       string
	}{
		"two of those that may":  {seen: progress(Failed, OK, "", ""), want: Open},
		"however they fail":      {seen: progress(Failed, Unreachable, "", ""), want: Stop, why: "2 of 4 targets did not succeed (1 failed, 1 unreachable), more than 1"},
		"while the wave runs":    {seen: progress(Lost, "", TimedOut, ""), want: Stop, why: "1 timeout, 1 lost"},
		"one that is to come":    {seen: progress(OK, OK, Refused, Refused), want: Stop, why: "2 refused"},
		"cancelled":              {seen: progress(Cancelled, OK, "", ""), want: Stop, why: "it was cancelled"},
		"expired":                {seen: progress(OK, OK, "", ""), after: time.Hour + time.Second, want: Stop, why: "it expired at"},
		"expired, but running":   {seen: progress(OK, "", "", ""), after: time.Hour + time.Second, want: Hold},
		"done":                   {seen: progress(OK, OK, OK, Failed), after: time.Hour + time.Second, want: Done},
		"in the smaller half":    {seen: progress(OK, OK, "", ""), others: 1, reachable: 2, want: Hold, why: "only 2 of 4 targets can be reached"},
		"in the larger half":     {seen: progress(OK, OK, "", ""), others: 1, reachable: 3, want: Open},
		"alone there is no half": {seen: progress(OK, OK, "", ""), reachable: 0, want: Open},
	} {
		o := rolling(2, 2)
		o.Rollout.MaxFail = 1
		for i := range c.others {
			o.Rollout.Conductors = append(o.Rollout.Conductors, Origin{9, byte(i)})
		}
		_, m := Step(o, Standing{Opened: 1}, c.seen, GateAnswer{}, c.reachable, o.ID.Time().Add(c.after))
		if m.Do != c.want || !strings.Contains(m.Why, c.why) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// simulated is a rollout with targets that start, end, and are slow to be heard.
type simulated struct {
	o     Order
	truth []Progress // what is so
	r     *rand.Rand
}

// hear lets a conductor learn some of what is so.
func (m *simulated) hear(seen []Progress) {
	for i := range seen {
		if m.r.IntN(3) == 0 && seen[i].Outcome != Unreachable {
			seen[i] = m.truth[i]
		}
	}
}

// act lets targets of an open wave go on.
func (m *simulated) act(permits func(wave int) bool) {
	for i := range m.truth {
		p := &m.truth[i]
		switch {
		case !p.Started && p.Outcome == "" && permits(m.o.Wave(i)) && m.r.IntN(2) == 0:
			p.Started = true
		case p.Started && p.Outcome == "" && m.r.IntN(3) == 0:
			p.Outcome = []Outcome{OK, OK, OK, OK, OK, OK, OK, Failed, TimedOut, Lost}[m.r.IntN(10)]
		}
	}
}

// busy are the waves in which a run is under way.
func (m *simulated) busy() map[int]bool {
	waves := make(map[int]bool)
	for i, p := range m.truth {
		if p.Started && p.Outcome == "" {
			waves[m.o.Wave(i)] = true
		}
	}
	return waves
}

// However slowly a conductor hears, and with one that knows only the targets
// taking over at any time: never do two waves run, they open in order, once by
// each, and none opens when more than MaxFail targets are known to have failed.
func TestNeverTwoWaves(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	finished, stopped := 0, 0
	for run := range 400 {
		var waves []int
		for range 1 + r.IntN(5) {
			waves = append(waves, 1+r.IntN(4))
		}
		m := &simulated{o: rolling(waves...), r: r}
		o := m.o
		o.Rollout.MaxFail, o.Rollout.Wait = r.IntN(4), time.Duration(r.IntN(3))*time.Second
		o.Rollout.Conductors = []Origin{{1}, {2}}
		m.truth = make([]Progress, len(o.Targets))
		views := [][]Progress{make([]Progress, len(o.Targets)), make([]Progress, len(o.Targets))}
		standing := make([]Standing, 2)
		leader, now, opened := 0, o.ID.Time(), 0
		for range 500 {
			now = now.Add(time.Second)
			m.act(standing[leader].Permits)
			m.hear(views[leader])
			if r.IntN(20) == 0 { // the other takes over, knowing the runs or an old standing
				leader = 1 - leader
				if r.IntN(2) == 0 {
					standing[leader] = standing[1-leader]
				}
				copy(views[leader], m.truth)
			}
			var move Move
			before := standing[leader]
			standing[leader], move = Step(o, before, views[leader], GateAnswer{}, len(o.Targets), now)
			if again, same := Step(o, before, views[leader], GateAnswer{}, len(o.Targets), now); fmt.Sprint(again, same) != fmt.Sprint(standing[leader], move) {
				t.Fatal("asked again it says something else")
			}
			if move.Do == Open {
				bad := 0
				for i, p := range views[leader] {
					if p.Outcome == "" && o.Wave(i) < move.Wave {
						t.Fatalf("run %d: wave %d opens over %+v", run, move.Wave, views[leader])
					}
					if p.Outcome != "" && p.Outcome != OK {
						bad++
					}
				}
				if move.Wave > opened || bad > o.Rollout.MaxFail || len(move.Targets) != waves[move.Wave] {
					t.Fatalf("run %d: %+v after %d waves, %d failed", run, move, opened, bad)
				}
				opened = max(opened, move.Wave+1)
			}
			if busy := m.busy(); len(busy) > 1 {
				t.Fatalf("run %d: the waves %v run together", run, busy)
			}
			if move.Do == Done {
				finished++
				break
			}
			if move.Do == Stop {
				stopped++
				break
			}
		}
	}
	if finished < 50 || stopped < 50 {
		t.Errorf("%d finished, %d stopped: the test does not look where it should", finished, stopped)
	}
}
