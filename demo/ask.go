package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/api"
)

// resolver asks one agent, and nobody else.
func (a *agent) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(a.address, fmt.Sprint(dnsPort)))
	}}
}

// lookup is the addresses of a name, by one agent. None is an empty list.
func (a *agent) lookup(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := a.resolver().LookupHost(ctx, name+".")
	var notFound *net.DNSError
	if errors.As(err, &notFound) && notFound.IsNotFound {
		return nil, nil
	}
	slices.Sort(found)
	return found, err
}

// answer is content when every living agent answers a name with count addresses.
func (d *fleet) answer(name string, count int) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, a := range d.agents {
			if a.dead {
				continue
			}
			found, err := a.lookup(ctx, name)
			if err != nil {
				return err
			}
			if len(found) != count {
				return fmt.Errorf("%s answers %s with %v, want %d addresses", a.name, name, found, count)
			}
		}
		return nil
	}
}

// known is content when the last agent has the word of every agent, not only
// that it is there.
func (d *fleet) known(ctx context.Context) error {
	last := d.agents[len(d.agents)-1]
	c, err := api.NewClient(api.ClientConfig{Address: "http://" + net.JoinHostPort(last.address, fmt.Sprint(httpPort))})
	if err != nil {
		return err
	}
	nodes, err := c.Nodes(ctx, api.Selection{Filter: `Version != ""`})
	if err == nil && len(nodes) != agents {
		err = fmt.Errorf("%s knows %d nodes in full, want %d", last.name, len(nodes), agents)
	}
	return err
}

// until asks again and again, and says how long it took.
func (d *fleet) until(ctx context.Context, budget time.Duration, what string, ask func(context.Context) error) (time.Duration, error) {
	start := time.Now()
	for {
		err := ask(ctx)
		took := time.Since(start).Round(10 * time.Millisecond)
		if err == nil {
			return took, nil
		}
		if ctx.Err() != nil || took > budget {
			return took, fmt.Errorf("%s: not within %s: %w\n%s", what, budget, err, d.agents[len(d.agents)-1].tail())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// show runs a yodel command against the last agent, as an operator would.
func (d *fleet) show(ctx context.Context, args ...string) error {
	last := d.agents[len(d.agents)-1]
	fmt.Printf("\n$ yodel %s\n", strings.Join(quoted(args), " "))
	cmd := exec.CommandContext(ctx, d.yodel, append(args, "--http-addr", net.JoinHostPort(last.address, fmt.Sprint(httpPort)))...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("yodel %v: %w", args, err)
	}
	return nil
}

func quoted(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if strings.ContainsAny(a, ` "`) {
			out[i] = "'" + a + "'"
		}
	}
	return out
}

// showDNS asks the last agent what dig would.
func (d *fleet) showDNS(ctx context.Context) error {
	last := d.agents[len(d.agents)-1]
	for _, name := range []string{"web.service.yodel", "demo1.node.yodel"} {
		found, err := last.lookup(ctx, name)
		if err != nil {
			return err
		}
		fmt.Printf("\n$ dig @%s -p %d +short %s\n%s\n", last.address, dnsPort, name, strings.Join(found, "\n"))
	}
	names, err := last.resolver().LookupAddr(ctx, address(0))
	if err != nil {
		return fmt.Errorf("look up %s: %w", address(0), err)
	}
	fmt.Printf("\n$ dig @%s -p %d +short -x %s\n%s\n", last.address, dnsPort, address(0), strings.Join(names, "\n"))
	return nil
}
