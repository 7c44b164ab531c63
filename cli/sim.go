package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/sim"
	"github.com/yodel-mesh/yodel/sim/report"
	"github.com/yodel-mesh/yodel/sim/world"
)

// simGC keeps the garbage of thousands of nodes within what the nodes take.
const simGC = 50

// simulation is what the flags of yodel sim say.
type simulation struct {
	shell   *shell
	config  world.Config
	measure world.Measurement
	latency time.Duration
	loss    string
	starved string
	with    []string // profiles
	html    string
}

func (s *shell) sim() *cobra.Command {
	m := simulation{shell: s}
	var names []string
	list := ""
	for _, e := range world.Experiments() {
		names = append(names, e.Name)
		list += fmt.Sprintf("  %-7s %s\n", e.Name, e.Short)
	}
	c := s.printing(&cobra.Command{
		Use: "sim [EXPERIMENT...]", Short: "simulate a mesh: real nodes, in virtual time, in this process", ValidArgs: names,
		Long: "sim runs the nodes' own code for up to some thousand hosts over a network in memory, and\n" +
			"measures it beside stock Serf's settings. It asks no agent and opens no port. Memory grows\n" +
			"with the square of the hosts: 100 take 100 MB, 1,000 take 10 GB.\n\nExperiments; without one, all:\n" + list +
			"\nsim trouble breaks hosts and network at random, and checks what must hold all the same.",
		RunE: func(c *cobra.Command, args []string) error { return m.run(args) },
	})
	f := c.Flags()
	f.IntVarP(&m.config.Nodes, "nodes", "n", 100, "hosts")
	f.IntVar(&m.config.Datacenters, "datacenters", 1, "data centres, 10 ms apart")
	f.IntVar(&m.config.Racks, "racks", 1, "racks in each data centre")
	f.DurationVar(&m.latency, "latency", 500*time.Microsecond, "one way within a data centre, with a fifth of jitter")
	f.StringVar(&m.loss, "loss", "0%", "packets lost while it is measured")
	f.StringVar(&m.starved, "starved", "0%", "hosts that run every other second only while it is measured")
	f.StringSliceVar(&m.with, "settings", []string{"lan", "stock"}, "settings to compare: lan, ours, and stock, Serf's")
	f.IntVar(&m.measure.Count, "count", 10, "pieces of news, and kills")
	f.DurationVar(&m.measure.For, "for", time.Minute, "virtual time of idle and false")
	f.Uint64Var(&m.config.Seed, "seed", 1, "of the network's chances; gossip has its own")
	f.BoolVar(&m.config.Cold, "cold", false, "hosts find each other one by one, as a real mesh does; dear above 100")
	f.StringVar(&m.html, "html", "", "write a page with plots to this file, too")
	c.AddCommand(s.simTrouble())
	return c
}

func (m *simulation) run(args []string) error {
	if err := m.settle(args); err != nil {
		return err
	}
	debug.SetGCPercent(simGC)
	var r report.Report
	var failed error
	defer m.shell.progress("")
	if err := world.Virtual(func() { r, failed = world.Measure(m.config, m.measure) }); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	if m.html != "" {
		if err := writeReport(m.html, r); err != nil {
			return err
		}
	}
	if m.shell.json {
		return r.JSON(m.shell.env.Out)
	}
	return r.Text(m.shell.env.Out)
}

// settle makes of the flags what the world asks for.
func (m *simulation) settle(args []string) (err error) {
	if m.measure.Loss, err = share("--loss", m.loss); err != nil {
		return err
	}
	if m.measure.Starved, err = share("--starved", m.starved); err != nil {
		return err
	}
	known := make(map[string]world.Profile)
	var names []string
	for _, p := range world.Profiles() {
		known[p.Name] = p
		names = append(names, p.Name)
	}
	for _, name := range m.with {
		p, ok := known[name]
		if !ok {
			return usagef("--settings: no settings %q%s", name, didYouMean(name, names))
		}
		m.measure.Profiles = append(m.measure.Profiles, p)
	}
	names = nil
	for _, e := range world.Experiments() {
		names = append(names, e.Name)
	}
	for _, arg := range args {
		if near := api.Nearest(arg, names); len(near) == 0 || near[0] != arg {
			return usagef("no experiment %q%s; there are %s", arg, didYouMean(arg, names), strings.Join(names, ", "))
		}
	}
	m.measure.Experiments = args
	m.config.Near = &sim.Link{Latency: m.latency, Jitter: m.latency / 5}
	m.config.Progress = m.shell.progress
	return nil
}

// share reads a part of a whole as people write it: 5% or 0.05.
func share(flag, text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(digits, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		return 0, usagef("%s %q: want a part of all, as 5%% or 0.05", flag, text)
	}
	return x, nil
}

// progress tells a person who waits what goes on.
func (s *shell) progress(text string) {
	if s.env.Watched {
		fmt.Fprintf(s.env.Err, "\r\x1b[K%s", text)
	}
}

func writeReport(path string, r report.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	err = r.HTML(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}

// simTrouble runs random plans.
func (s *shell) simTrouble() *cobra.Command {
	c := world.Config{Nodes: 16, Datacenters: 2, Racks: 2}
	var runs int
	var long time.Duration
	cmd := s.printing(&cobra.Command{
		Use: "trouble", Short: "break hosts and network at random, and check what must hold all the same", Args: cobra.NoArgs,
		Long: "trouble draws a plan of crashes, cuts, losses, restarts and wrong clocks from a seed, carries\n" +
			"it out, and checks all the while and after healing what must hold. What breaks a promise is\n" +
			"shown with its seed, its plan and what each host believed; the exit code is then 1.",
		RunE: func(*cobra.Command, []string) error { return s.runTrouble(c, runs, long) },
	})
	f := cmd.Flags()
	f.IntVarP(&c.Nodes, "nodes", "n", c.Nodes, "hosts")
	f.IntVar(&c.Datacenters, "datacenters", c.Datacenters, "data centres")
	f.IntVar(&c.Racks, "racks", c.Racks, "racks in each data centre")
	f.BoolVar(&c.Disk, "disk", false, "with real stores in a temporary directory")
	f.Uint64Var(&c.Seed, "seed", 0, "draw this plan; 0: a fresh one for each run")
	f.IntVar(&runs, "runs", 10, "how many plans")
	f.DurationVar(&long, "for", 3*time.Minute, "virtual time of a plan")
	return cmd
}

func (s *shell) runTrouble(c world.Config, runs int, long time.Duration) error {
	if c.Nodes < 2 {
		return usagef("--nodes %d: trouble takes two hosts", c.Nodes)
	}
	debug.SetGCPercent(simGC)
	fixed := c.Seed
	var all []world.Outcome
	for i := range runs {
		if c.Seed = fixed; fixed == 0 {
			c.Seed = rand.Uint64N(1e12) + 1
		}
		s.progress(fmt.Sprintf("%d of %d, seed %d", i+1, runs, c.Seed))
		var out world.Outcome
		var failed error
		if err := world.Virtual(func() { out, failed = world.Run(c, world.Random(c, long)) }); err != nil || failed != nil {
			return errors.Join(err, failed)
		}
		all = append(all, out)
		s.progress("")
		if !s.json {
			fmt.Fprintf(s.env.Out, "seed %d: held for %v, whole %v after the end, %d false failures\n", out.Seed, out.Took.Round(time.Second), out.Healed, out.False)
		}
	}
	if s.json {
		_, err := s.emit(all)
		return err
	}
	return nil
}
