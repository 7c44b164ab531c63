package main

import (
	"fmt"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim/model"
	"github.com/yodel-mesh/yodel/sim/report"
)

// probes are settings of the probes to choose from.
func probes() []gossip.Settings {
	var all []gossip.Settings
	for _, p := range []struct{ interval, timeout, window time.Duration }{
		{200, 100, 2400}, {300, 150, 2400}, {400, 200, 1600}, {400, 200, 2400}, {400, 150, 2400}, {400, 200, 4000}, {500, 250, 2400}, {500, 200, 2400}, {700, 300, 2400},
	} {
		s := gossip.LAN()
		s.ProbeInterval, s.ProbeTimeout, s.SuspicionWindow = p.interval*time.Millisecond, p.timeout*time.Millisecond, p.window*time.Millisecond
		all = append(all, s)
	}
	return append(all, gossip.Stock())
}

func named(s gossip.Settings) string {
	name := fmt.Sprintf("%v/%v, %v", s.ProbeInterval, s.ProbeTimeout, s.SuspicionWindow)
	if s == gossip.LAN() {
		return name + " (ships)"
	}
	if s == gossip.Stock() {
		return "Serf's"
	}
	return name
}

// settings shows what detection costs, in bytes and in false failures.
func (b *bench) settings() error {
	const nodes, loss = 300, 0.20
	t := report.Table{
		Title: fmt.Sprintf("Probes: what detection costs, %d nodes", nodes),
		Head:  []string{"interval/timeout, window", "kill: first s", "last s", "probes B/s", "suspicions/min at 20 %", "false failures/min at 20 %", "B/s at 20 %"},
	}
	bytes := report.Plot{Title: fmt.Sprintf("Detection against traffic, %d nodes", nodes), X: report.Axis{Name: "a kill is known to the last, median", Unit: "s"}, Y: report.Axis{Name: "probes of a node", Unit: "bytes/s"}}
	noise := report.Plot{Title: fmt.Sprintf("Detection against doubts at 20 %% loss, %d nodes", nodes), X: bytes.X, Y: report.Axis{Name: "suspicions in the mesh", Unit: "1/min", Log: true}}
	for _, s := range probes() {
		c := b.world(nodes, false)
		c.Settings = lan(s)
		c.Kills = 1
		killed, err := model.Kill(c, 3*b.runs)
		if err != nil {
			return err
		}
		c.Kills = 0
		idle, err := model.Idle(c, 10*time.Second)
		if err != nil {
			return err
		}
		c.Links.Datacenter.Loss = loss
		doubts, err := model.Suspicions(c, 2*time.Minute)
		if err != nil {
			return err
		}
		first, last := seen(killed)
		t.Rows = append(t.Rows, []string{named(s), seconds(first), seconds(last), fmt.Sprintf("%.0f", idle.Bytes),
			fmt.Sprintf("%.1f", float64(doubts.Suspicions)/2), fmt.Sprintf("%.1f", float64(doubts.Failures)/2), fmt.Sprintf("%.0f", doubts.Traffic.Bytes)})
		bytes.Series = append(bytes.Series, point(s, last.Seconds(), idle.Bytes))
		noise.Series = append(noise.Series, point(s, last.Seconds(), float64(doubts.Suspicions)/2))
	}
	b.report.Tables = append(b.report.Tables, t)
	b.report.Plots = append(b.report.Plots, bytes, noise)
	return nil
}

func point(s gossip.Settings, x, y float64) report.Series {
	return report.Series{Name: named(s), Points: [][2]float64{{x, y}}, Labels: []string{named(s)}, Marks: true}
}

// doubts shows what a mesh wrongly believes when packets are lost or nodes are
// short of CPU.
func (b *bench) doubts() error {
	const nodes = 300
	t := report.Table{
		Title: fmt.Sprintf("Nobody dies: doubts of %d nodes in 5 minutes", nodes),
		Head:  []string{"settings", "what is wrong", "suspicions", "refutations", "false failures", "nodes given up", "B/s"},
	}
	for _, s := range []gossip.Settings{gossip.LAN(), gossip.Stock()} {
		for _, trouble := range []struct {
			name    string
			loss    float64
			starved model.Starved
		}{
			{"5 % loss", 0.05, model.Starved{}}, {"10 % loss", 0.10, model.Starved{}}, {"20 % loss", 0.20, model.Starved{}},
			{"5 % starved, 0.3 of 1 s", 0, model.Starved{Nodes: nodes / 20, Stall: 300 * time.Millisecond, Period: time.Second}},
			{"5 % starved, 2 of 3 s", 0, model.Starved{Nodes: nodes / 20, Stall: 2 * time.Second, Period: 3 * time.Second}},
		} {
			c := b.world(nodes, false)
			c.Settings = lan(s)
			c.Links.Datacenter.Loss, c.Starved = trouble.loss, trouble.starved
			d, err := model.Suspicions(c, 5*time.Minute)
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, []string{named(s), trouble.name, fmt.Sprint(d.Suspicions), fmt.Sprint(d.Refutes), fmt.Sprint(d.Failures), fmt.Sprint(d.Victims), fmt.Sprintf("%.0f", d.Traffic.Bytes)})
		}
	}
	b.report.Tables = append(b.report.Tables, t)
	return nil
}
