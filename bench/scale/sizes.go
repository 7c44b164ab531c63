package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/sim/model"
	"github.com/yodel-mesh/yodel/sim/report"
)

// A size is what was found of one mesh.
type size struct {
	c      model.Config
	spread model.Spreads
	deaths []model.Detection
	idle   model.Traffic
	busy   model.Traffic // after more words than a push/pull remembers
	pulls  model.Spreads
	took   time.Duration
}

// sizes measures flat meshes and meshes of meshes.
func (b *bench) sizes() error {
	plots := []report.Plot{
		{Title: "Nodes that know a piece of news", X: report.Axis{Name: "time since it was said", Unit: "ms", Log: true}, Y: report.Axis{Name: "share of the nodes"}, Note: "All news of a size together. Solid: a flat mesh; dashed: a mesh of meshes."},
		{Title: "Nodes that have given up one that was killed", X: report.Axis{Name: "time since the kill", Unit: "s"}, Y: report.Axis{Name: "share of the nodes"}},
		{Title: "Traffic at rest", X: report.Axis{Name: "nodes", Log: true}, Y: report.Axis{Name: "sent by a node", Unit: "bytes/s", Log: true}, Note: "Busy: after 1,024 words of 120 bytes, which each push/pull carries from then on."},
		{Title: "Memory of an agent", X: report.Axis{Name: "nodes", Log: true}, Y: report.Axis{Name: "resident", Unit: "MB", Log: true}},
	}
	for _, bridged := range []bool{false, true} {
		name := "flat"
		if bridged {
			name = "mesh of meshes"
		}
		var all []size
		for _, n := range b.nodes {
			if bridged && n < 2*b.home {
				continue
			}
			s, err := b.size(n, bridged)
			if err != nil {
				return err
			}
			all = append(all, s)
			plots[0].Series = append(plots[0].Series, delays(s, name))
			plots[1].Series = append(plots[1].Series, deaths(s, name))
		}
		if len(all) > 0 {
			b.report.Tables = append(b.report.Tables, table(name, all))
			plots[2].Series = append(plots[2].Series, lines(all, name)...)
			plots[3].Series = append(plots[3].Series, memory(all, name))
		}
	}
	b.report.Plots = append(b.report.Plots, plots...)
	return nil
}

func (b *bench) size(nodes int, bridged bool) (s size, err error) {
	began := time.Now()
	runs := min(b.runs, max(2, 20*b.runs*1000/nodes/2))
	s.c = b.world(nodes, bridged)
	if s.spread, err = model.Spread(s.c, runs); err != nil {
		return s, err
	}
	silent := s.c
	silent.News.Silent = true
	if s.pulls, err = model.Spread(silent, min(3, runs)); err != nil {
		return s, err
	}
	killed := s.c
	killed.Kills = 1
	if s.deaths, err = model.Kill(killed, runs); err != nil {
		return s, err
	}
	rest := min(max(20*time.Second, 420_000*time.Second/time.Duration(nodes)), time.Hour) // 100 exchanges of lists
	if s.idle, err = model.Idle(s.c, rest); err != nil {
		return s, err
	}
	busy := s.c
	busy.News.Before = 1024
	if s.busy, err = model.Idle(busy, rest); err != nil {
		return s, err
	}
	s.took = time.Since(began)
	fmt.Fprintf(os.Stderr, "%d nodes in %d data centres, %d bridges each: %v\n", nodes, s.c.Datacenters, s.c.Bridges, s.took.Round(time.Second))
	return s, nil
}

// table has a row for each size.
func table(name string, all []size) report.Table {
	t := report.Table{Title: "By size: " + name, Head: []string{
		"nodes", "dcs", "news p50 ms", "p99 ms", "last ms", "worst ms", "bytes/news", "by pulls alone, last s",
		"kill: first s", "last s", "probes B/s", "push/pull B/s", "busy B/s", "memory MB", "bridge MB",
	}}
	for _, s := range all {
		p50, p99, last, worst := news(s.spread)
		_, _, pulled, _ := news(s.pulls)
		first, end := seen(s.deaths)
		node, bridge := s.c.Footprint()
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(s.c.Nodes), fmt.Sprint(s.c.Datacenters), ms(p50), ms(p99), ms(last), ms(worst), fmt.Sprintf("%.0f", s.spread.Bytes), seconds(pulled),
			seconds(first), seconds(end), fmt.Sprintf("%.0f", s.idle.Bytes), fmt.Sprintf("%.0f", s.idle.PushPull), fmt.Sprintf("%.0f", s.busy.PushPull), fmt.Sprint(node >> 20), fmt.Sprint(bridge >> 20),
		})
	}
	t.Note = "Last is the median of the last nodes' delays. By pulls alone: when all words are lost. Busy: push/pull after 1,024 words."
	return t
}

func news(s model.Spreads) (p50, p99, last, worst time.Duration) {
	var all, lasts model.Delays
	for _, d := range s.News {
		all.Reached = append(all.Reached, d.Reached...)
		all.Missed += d.Missed
		lasts.Reached = append(lasts.Reached, d.Max())
	}
	slices.Sort(all.Reached)
	slices.Sort(lasts.Reached)
	return all.Quantile(0.5), all.Quantile(0.99), lasts.Quantile(0.5), lasts.Max()
}

func seen(deaths []model.Detection) (first, last time.Duration) {
	var firsts, lasts model.Delays
	for _, d := range deaths {
		firsts.Reached = append(firsts.Reached, d.Failed.Quantile(0))
		lasts.Reached = append(lasts.Reached, d.Failed.Max())
	}
	slices.Sort(firsts.Reached)
	slices.Sort(lasts.Reached)
	return firsts.Quantile(0.5), lasts.Quantile(0.5)
}

func ms(d time.Duration) string {
	if d == model.Never {
		return "never"
	}
	return fmt.Sprintf("%.3g", float64(d)/1e6)
}

func seconds(d time.Duration) string {
	if d == model.Never {
		return "never"
	}
	return fmt.Sprintf("%.2f", d.Seconds())
}

func delays(s size, name string) report.Series {
	var values []float64
	whole := 0
	for _, d := range s.spread.News {
		for _, delay := range d.Reached {
			values = append(values, float64(delay)/1e6)
		}
		whole += len(d.Reached) + d.Missed
	}
	return series(s, name, values, whole)
}

func deaths(s size, name string) report.Series {
	var values []float64
	whole := 0
	for _, d := range s.deaths {
		for _, delay := range d.Failed.Reached {
			values = append(values, delay.Seconds())
		}
		whole += len(d.Failed.Reached) + d.Failed.Missed
	}
	return series(s, name, values, whole)
}

func series(s size, name string, values []float64, whole int) report.Series {
	out := report.Share(fmt.Sprintf("%d, %s", s.c.Nodes, name), values, whole)
	out.Group = fmt.Sprint(s.c.Nodes)
	return out
}

func lines(all []size, name string) []report.Series {
	out := []report.Series{{Name: "probes, " + name, Group: "probes"}, {Name: "push/pull, " + name, Group: "push/pull"}, {Name: "push/pull, busy, " + name, Group: "busy"}}
	for _, s := range all {
		n := float64(s.c.Nodes)
		for i, y := range []float64{s.idle.Bytes, s.idle.PushPull, s.busy.PushPull} {
			out[i].Points = append(out[i].Points, [2]float64{n, y})
			out[i].Marks = true
		}
	}
	return out
}

func memory(all []size, name string) report.Series {
	out := report.Series{Name: name, Marks: true}
	for _, s := range all {
		node, _ := s.c.Footprint()
		out.Points = append(out.Points, [2]float64{float64(s.c.Nodes), float64(node) / (1 << 20)})
	}
	return out
}
