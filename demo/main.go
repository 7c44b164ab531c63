// Command demo shows the main job: five real agents on loopback addresses find
// each other, check a real service, answer DNS for it, and drop a dead one
// within seconds. It needs no root and no other program, cleans up after
// itself, and exits 0 only if all of that happened.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo PATH-OF-YODEL")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// The budgets: what a newcomer is promised to see.
const (
	joinBudget    = 15 * time.Second
	serviceBudget = 3 * time.Second // the check's interval plus a second, and some for this machine
	agentBudget   = 5 * time.Second
)

func run(ctx context.Context, yodel string) (err error) {
	d, err := newFleet(yodel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	say("Five agents start on 127.0.0.11 to 127.0.0.15; web runs behind the first three.")
	if err := d.start(ctx); err != nil {
		return err
	}
	took, err := d.until(ctx, joinBudget, "every agent answers web with three addresses", d.answer("web.service.yodel", 3))
	if err != nil {
		return err
	}
	say("They found each other, and every one answers for all of them, after %s.", took)
	if _, err := d.until(ctx, joinBudget, "the last agent knows all of every host", d.known); err != nil {
		return err
	}
	for _, args := range [][]string{{"members"}, {"nodes", "--filter", `Tags.role == "web"`}, {"services"}} {
		if err := d.show(ctx, args...); err != nil {
			return err
		}
	}
	if err := d.showDNS(ctx); err != nil {
		return err
	}
	return errors.Join(d.killService(ctx), d.killAgent(ctx))
}

// killService ends one web server, and the agent beside it finds out.
func (d *fleet) killService(ctx context.Context) error {
	say("The web server on demo2 is killed; its agent lives and checks it every second.")
	d.stopWeb(1)
	took, err := d.until(ctx, serviceBudget, "every agent has dropped it", d.answer("web.service.yodel", 2))
	if err != nil {
		return err
	}
	say("Out of the answers of all five agents after %s.", took)
	return d.show(ctx, "checks", "--filter", `Status != "passing"`)
}

// killAgent ends one agent without a word, and its peers find out.
func (d *fleet) killAgent(ctx context.Context) error {
	say("The agent demo3 is killed with SIGKILL; its web server still runs, but nobody vouches for it.")
	if err := d.kill(2); err != nil {
		return err
	}
	took, err := d.until(ctx, agentBudget, "every other agent has dropped it", d.answer("web.service.yodel", 1))
	if err != nil {
		return err
	}
	say("Out of the answers of all four others after %s.", took)
	if err := d.show(ctx, "members"); err != nil {
		return err
	}
	if _, err := d.until(ctx, time.Second, "its node name still resolves", d.answer("demo3.node.yodel", 1)); err != nil {
		return err
	}
	say("Its name still resolves: a name is an identity, not a health statement.")
	return nil
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }
