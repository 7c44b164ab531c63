// Command footprint measures what an idle agent costs the host that it runs
// on: memory, CPU time, and bytes on the wire, in a mesh of 300 on loopback
// addresses, beside the stock serf agent in a mesh of 300 serf members.
//
// Only the agents are measured, each a process of its own. The other members
// share one process, the crowd: they are real, with sockets of their own, and
// what they say of themselves is what a Hadoop host with 24 disks has to say.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "crowd" {
		exit(crowdMain(os.Args[2], os.Args[3]))
		return
	}
	var b bench
	flag.StringVar(&b.yodel, "yodel", "bin/yodel", "the agent to measure")
	flag.IntVar(&b.members, "members", 300, "size of each mesh")
	flag.DurationVar(&b.pace, "pace", 120*time.Millisecond, "between two joins; too fast and members starve")
	flag.DurationVar(&b.settle, "settle", time.Minute, "from equal catalogs to the measurement")
	flag.DurationVar(&b.window, "window", 90*time.Second, "length of a measurement")
	flag.IntVar(&b.rounds, "rounds", 1, "how often, the two meshes taking turns")
	flag.StringVar(&b.only, "only", "", "yodel or serf (default both)")
	flag.BoolVar(&b.strict, "strict", true, "exit 1 if a goal is missed")
	flag.StringVar(&b.hold, "hold", "", "keep the mesh after the measurement until this file is gone, to look at it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(b.run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench footprint:", err)
		os.Exit(1)
	}
}

type bench struct {
	yodel, only, hold    string
	members, rounds      int
	pace, settle, window time.Duration
	strict               bool

	dir     string
	results []result
}

// A mesh is a crowd and the agents in it.
type mesh struct {
	name    string
	crowd   *crowd
	agents  []*agent
	members int // the agents included
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "yodel-footprint-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	target, err := listenTarget()
	if err != nil {
		return err
	}
	defer target.Close()
	for round := range b.rounds {
		for _, one := range []struct {
			name  string
			start func(context.Context, *mesh) error
		}{{"yodel", b.startYodel}, {"serf", b.startSerf}} {
			if b.only != "" && b.only != one.name {
				continue
			}
			say("round %d: a mesh of %d %s members", round+1, b.members, one.name)
			m := &mesh{name: one.name, members: b.members}
			err := errors.Join(b.measure(ctx, m, one.start), m.close())
			if err != nil {
				return err
			}
		}
	}
	return b.report(os.Stdout)
}

// measure brings a mesh to rest, looks at its agents for a while, and throws
// the figures away if a member was missing before or after.
func (b *bench) measure(ctx context.Context, m *mesh, start func(context.Context, *mesh) error) error {
	if err := start(ctx, m); err != nil {
		return err
	}
	if err := m.await(ctx, 5*time.Minute); err != nil {
		return err
	}
	say("all know all; %s of rest", b.settle)
	if err := sleep(ctx, b.settle); err != nil {
		return err
	}
	if err := m.whole(ctx); err != nil {
		return fmt.Errorf("before the measurement: %w", err)
	}
	say("measuring for %s", b.window)
	results, err := m.watch(ctx, b.window)
	if err != nil {
		return err
	}
	if err := m.whole(ctx); err != nil {
		return fmt.Errorf("after the measurement: %w", err)
	}
	for _, r := range results {
		say("%s", r)
	}
	b.results = append(b.results, results...)
	return b.wait(ctx)
}

// wait keeps the mesh for somebody who wants to look at it.
func (b *bench) wait(ctx context.Context) error {
	if b.hold == "" {
		return nil
	}
	say("holding the mesh until %s is gone", b.hold)
	for {
		if _, err := os.Stat(b.hold); err != nil {
			return nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// await waits until every member knows every other in full.
func (m *mesh) await(ctx context.Context, budget time.Duration) error {
	start := time.Now()
	for {
		err := m.whole(ctx)
		if err == nil {
			return nil
		}
		if time.Since(start) > budget {
			return fmt.Errorf("not within %s: %w", budget, err)
		}
		if err := sleep(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

// whole is nil when every member of the crowd and every agent sees all members
// alive, with everything that they said.
func (m *mesh) whole(ctx context.Context) error {
	if err := m.crowd.whole(m.members); err != nil {
		return err
	}
	for _, a := range m.agents {
		n, err := a.knows(ctx)
		if err == nil && n != m.members {
			err = fmt.Errorf("%d members alive and known in full, want %d", n, m.members)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

func (m *mesh) close() error {
	var errs []error
	for _, a := range m.agents {
		errs = append(errs, a.close())
	}
	if m.crowd != nil {
		errs = append(errs, m.crowd.close())
	}
	return errors.Join(errs...)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func crowdMain(size, pace string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(pace)
	if err != nil {
		return err
	}
	return gather(n, d)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
