package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The goals, for each agent of ours.
const (
	memoryGoal = 40 << 20 // resident bytes
	cpuGoal    = 0.01     // of a core
)

// result is one agent in one round.
type result struct {
	name          string
	before, after sample
	noWire        error
}

func (r result) seconds() float64 { return r.after.at.Sub(r.before.at).Seconds() }

// cpu is the share of a core.
func (r result) cpu() float64 { return (r.after.cpu - r.before.cpu).Seconds() / r.seconds() }

func (r result) row() string {
	wire := "| not counted | "
	if r.noWire == nil {
		wire = fmt.Sprintf("| %.1f | %.0f ", float64(r.after.packets-r.before.packets)/r.seconds(), float64(r.after.wire-r.before.wire)/r.seconds())
	}
	return fmt.Sprintf("| %s | %.1f | %.1f | %.1f | %.1f | %.2f | %.0f %s|", r.name, mega(r.after.rss), mega(r.after.anon), mega(r.after.file),
		mega(r.after.most), 100*r.cpu(), float64(r.after.switches-r.before.switches)/r.seconds(), wire)
}

func (r result) String() string { return r.row() }

func mega(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

func (b *bench) report(w io.Writer) error {
	fmt.Fprintf(w, "\n%d members each; %s of rest, then measured for %s; serf %s; %s\n\n", b.members, b.settle, b.window, serfVersion, b.version())
	fmt.Fprintln(w, "| agent | RSS MB | of that private | of files | most so far | CPU, % of a core | wakeups/s | packets/s | bytes/s |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	var missed []error
	for _, r := range b.results {
		fmt.Fprintln(w, r.row())
		if !strings.HasPrefix(r.name, "yodel") {
			continue
		}
		if r.after.rss >= memoryGoal {
			missed = append(missed, fmt.Errorf("%s: %.1f MB resident, goal under %.0f", r.name, mega(r.after.rss), mega(memoryGoal)))
		}
		if r.cpu() >= cpuGoal {
			missed = append(missed, fmt.Errorf("%s: %.2f %% of a core, goal under %.0f", r.name, 100*r.cpu(), 100*cpuGoal))
		}
	}
	for _, err := range missed {
		fmt.Fprintln(w, "\nMISSED:", err)
	}
	if !b.strict {
		return nil
	}
	return errors.Join(missed...)
}

// version is what the agent says of itself, and how large its file is.
func (b *bench) version() string {
	out, err := exec.Command(b.yodel, "version").Output()
	if err != nil {
		return "yodel of unknown version"
	}
	info, err := os.Stat(b.yodel)
	if err != nil {
		return strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, a file of %.1f MB, %s", strings.Fields(string(out))[0:2], mega(uint64(info.Size())), time.Now().Format(time.DateOnly))
}
