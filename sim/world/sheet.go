package world

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/yodel-mesh/yodel/sim/report"
)

// sheet collects findings until they are a report.
type sheet struct {
	c      Config
	m      Measurement
	chosen []Experiment
	tables []report.Table // of each chosen
	plots  []report.Plot  // of each chosen; without series: none
	costs  report.Table
}

func newSheet(c Config, m Measurement, chosen []Experiment) *sheet {
	s := &sheet{c: c, m: m, chosen: chosen, costs: report.Table{
		Title: "what the simulation took", Head: []string{"settings", "virtual time", "memory MB"},
	}}
	for _, e := range chosen {
		s.tables = append(s.tables, report.Table{Title: e.Name + ": " + e.Short, Head: append([]string{"settings"}, e.head...)})
		s.plots = append(s.plots, report.Plot{
			Title: e.Name + ": " + e.Short, X: report.Axis{Name: "after", Unit: "ms", Log: true}, Y: report.Axis{Name: "share of hosts"},
		})
	}
	return s
}

// measure carries out the experiments with one profile.
func (s *sheet) measure(c Config, profile string) (err error) {
	w, err := New(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	c.Progress(fmt.Sprintf("%s: %d hosts start", profile, c.Nodes))
	if err := w.Boot(); err != nil {
		return err
	}
	if err := w.trouble(s.m); err != nil {
		return err
	}
	for i, e := range s.chosen {
		c.Progress(fmt.Sprintf("%s: %s", profile, e.Name))
		found, err := e.run(w, s.m)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		s.tables[i].Rows = append(s.tables[i].Rows, append([]string{profile}, found.row...))
		if len(found.curve) > 0 {
			ms := make([]float64, len(found.curve))
			for k, d := range found.curve {
				ms[k] = float64(d) / float64(time.Millisecond)
			}
			s.plots[i].Series = append(s.plots[i].Series, report.Share(profile, ms, found.whole))
		}
	}
	s.costs.Rows = append(s.costs.Rows, []string{profile, w.Elapsed().Round(time.Second).String(), strconv.FormatUint(resident()>>20, 10)})
	return nil
}

func (s *sheet) report() report.Report {
	r := report.Report{
		Title: fmt.Sprintf("A mesh of %d hosts, simulated", s.c.Nodes),
		Notes: []string{
			fmt.Sprintf("Real nodes in virtual time: %d hosts in %d data centres with %d racks each; %v to %v one way within a data centre, %v to %v between two; seed %d.",
				s.c.Nodes, s.c.Datacenters, s.c.Racks, s.c.Near.Latency, s.c.Near.Latency+s.c.Near.Jitter, s.c.Far.Latency, s.c.Far.Latency+s.c.Far.Jitter, s.c.Seed),
		},
		Tables: append(s.tables, s.costs),
	}
	if s.m.Loss > 0 || s.m.Starved > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("While it was measured: %.3g %% of the packets lost, %.3g %% of the hosts starved, which run every other second only.", 100*s.m.Loss, 100*s.m.Starved))
	}
	for _, p := range s.plots {
		if len(p.Series) > 0 {
			r.Plots = append(r.Plots, p)
		}
	}
	return r
}

// short is a time as people compare it.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func number0(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }
func number1(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }
