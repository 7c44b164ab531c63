package world

import (
	"fmt"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
	"github.com/yodel-mesh/yodel/sim/report"
)

// Plan of a measurement: what is to be measured, and how often.
type Measurement struct {
	Experiments []string // names of Experiments, in order
	Profiles    []Profile
	Loss        float64       // of packets, everywhere, while it is measured; 0 to 1
	Starved     float64       // share of the hosts that get half of the CPU, second by second; 0 to 1
	Count       int           // pieces of news, and kills
	For         time.Duration // of rest, and of waiting for false failures
}

// Profile is settings under a name, to be compared.
type Profile struct {
	Name     string
	Settings gossip.Settings
}

// Profiles are those that a person can name.
func Profiles() []Profile {
	return []Profile{{"lan", gossip.LAN()}, {"stock", gossip.Stock()}}
}

// Experiment is something to measure in a world where all is well.
type Experiment struct {
	Name, Short string
	head        []string // of its table, after the name of the profile
	run         func(*World, Measurement) (finding, error)
}

// finding is what one experiment found with one profile.
type finding struct {
	row   []string
	curve Delays // all delays, for a plot; empty: none
	whole int    // how many there would be if none were missed
}

// Experiments are all there are, by the name that a person gives.
func Experiments() []Experiment {
	return []Experiment{
		{"idle", "what every host sends while nothing happens", []string{"packets/s", "payload bytes/s", "with IP and UDP headers", "of that on streams"}, idle},
		{"news", "how long news takes to reach every host", []string{"news", "median", "99 %", "last, median", "last, worst", "missed", "packets each", "payload bytes each"}, news},
		{"kill", "how long a killed host stays in the answers of the others", []string{"kills", "first, median", "median", "99 %", "last, worst", "missed"}, kill},
		{"false", "how often a healthy host is taken for failed", []string{"for", "false failures", "seen by"}, falsely},
		{"storm", "how long after 300 checks have flapped all hosts agree", []string{"checks", "agreed after", "packets", "payload bytes"}, storm},
	}
}

// Check names the first field of a measurement that cannot be made.
func (m Measurement) Check() error {
	switch {
	case m.Loss < 0 || m.Loss > 0.9 || m.Loss != m.Loss:
		return fmt.Errorf("loss: %v, want 0 to 0.9", m.Loss)
	case m.Starved < 0 || m.Starved > 1 || m.Starved != m.Starved:
		return fmt.Errorf("starved: %v, want 0 to 1", m.Starved)
	case m.Count < 1 || m.Count > timesMax:
		return fmt.Errorf("count: %d, want 1 to %d", m.Count, timesMax)
	case m.For < time.Second || m.For > stepMax:
		return fmt.Errorf("for: %v, want 1s to %v", m.For, stepMax)
	}
	for _, name := range m.Experiments {
		if !slices.ContainsFunc(Experiments(), func(e Experiment) bool { return e.Name == name }) {
			return fmt.Errorf("experiments: no experiment %q", name)
		}
	}
	return nil
}

// Measure makes a world for each profile, carries out the experiments in it, and
// reports. It must be called in a bubble.
func Measure(c Config, m Measurement) (report.Report, error) {
	c.settle()
	if err := m.Check(); err != nil {
		return report.Report{}, fmt.Errorf("measure: %w", err)
	}
	chosen := slices.DeleteFunc(Experiments(), func(e Experiment) bool {
		return len(m.Experiments) > 0 && !slices.Contains(m.Experiments, e.Name)
	})
	sheet := newSheet(c, m, chosen)
	for _, p := range m.Profiles {
		c.Settings = p.Settings
		if err := sheet.measure(c, p.Name); err != nil {
			return report.Report{}, fmt.Errorf("measure %s: %w", p.Name, err)
		}
	}
	return sheet.report(), nil
}

// trouble makes what lasts while it is measured.
func (w *World) trouble(m Measurement) error {
	if m.Loss > 0 {
		if err := w.net.Apply(sim.Loss{Rate: m.Loss}); err != nil {
			return err
		}
	}
	for i := range int(m.Starved*float64(len(w.hosts)) + 0.5) {
		h := w.hosts[(i*7919+2)%len(w.hosts)]
		if err := w.net.Apply(sim.Stall{A: h.Name, Every: 2 * time.Second, For: time.Second}); err != nil {
			return err
		}
	}
	return nil
}

func idle(w *World, m Measurement) (finding, error) {
	t := w.Idle(m.For).Per(m.For.Seconds())
	return finding{row: []string{number1(t.Packets), number0(t.Payload()), number0(t.Payload() + t.Headers), number0(t.Stream)}}, nil
}

func news(w *World, m Measurement) (finding, error) {
	s, err := w.News(m.Count)
	if err != nil {
		return finding{}, err
	}
	all, last := s.all(), s.last()
	return finding{
		row: []string{
			fmt.Sprint(m.Count), short(all.At(0.5)), short(all.At(0.99)), short(last.At(0.5)), short(last.Max()), fmt.Sprint(s.Missed),
			number1(s.Traffic.Packets), number0(s.Traffic.Bytes),
		},
		curve: all, whole: len(all) + s.Missed,
	}, nil
}

func kill(w *World, m Measurement) (finding, error) {
	s, err := w.Kill(m.Count)
	if err != nil {
		return finding{}, err
	}
	all := s.all()
	return finding{
		row: []string{
			fmt.Sprint(m.Count), short(s.first().At(0.5)), short(all.At(0.5)), short(all.At(0.99)), short(all.Max()), fmt.Sprint(s.Missed),
		},
		curve: all, whole: len(all) + s.Missed,
	}, nil
}

func falsely(w *World, m Measurement) (finding, error) {
	hosts, views := w.False(m.For)
	return finding{row: []string{m.For.String(), fmt.Sprint(hosts), fmt.Sprint(views)}}, nil
}

// Storms are of as many checks as the promise names, for as long as a restart
// of a service takes.
const (
	stormChecks = 300
	stormTime   = 5 * time.Second
)

func storm(w *World, _ Measurement) (finding, error) {
	took, t, err := w.Storm(stormChecks, stormTime)
	if err != nil {
		return finding{}, err
	}
	return finding{row: []string{fmt.Sprint(min(stormChecks, len(w.hosts))), short(took), number0(t.Packets), number0(t.Payload())}}, nil
}

// all are the delays of all news at all hosts.
func (s Spread) all() Delays {
	all := slices.Concat(s.Delays...)
	slices.Sort(all)
	return all
}

// first and last are those of each piece of news at the first and at the last
// host that heard it.
func (s Spread) first() Delays { return s.each(0) }
func (s Spread) last() Delays  { return s.each(1) }

func (s Spread) each(q float64) Delays {
	var out Delays
	for _, d := range s.Delays {
		out = append(out, d.At(q))
	}
	slices.Sort(out)
	return out
}
