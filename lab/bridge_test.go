//go:build linux

package lab

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// TestWhoCannotReachEachOtherStillHear: A and C have no way to each other, B
// reaches both.
func TestWhoCannotReachEachOtherStillHear(t *testing.T) {
	l := newLab(t, 3)
	start(t, l.Hosts)
	a, c := l.Hosts[0], l.Hosts[2]
	cut := time.Now()
	ok(t, l.Cut([]*Host{a}, []*Host{c}))
	if reach(a, c) == nil || reach(a, l.Hosts[1]) != nil || reach(l.Hosts[1], c) != nil {
		t.Fatal("the cut is not between A and C alone")
	}
	alive := func() error {
		var errs []error
		for _, h := range l.Hosts {
			errs = append(errs, Status(l.Hosts, h.Name, catalog.Alive))
		}
		return errors.Join(errs...)
	}
	holds(t, 15*time.Second, "all stay alive", l.Hosts, alive)
	for _, origin := range []*Host{a, c} {
		ok(t, origin.Register("by-"+origin.Name))
		within(t, 2*time.Second, "a change on "+origin.Name+" is known to all", l.Hosts, func() error {
			return answer(l.Hosts, "by-"+origin.Name+".service.yodel", []*Host{origin})
		})
	}
	ok(t, neverFailed(l.Hosts, cut))
	holds(t, 5*time.Second, "all stay alive", l.Hosts, alive)
}

// neverFailed is nil if no agent of hosts has taken another for failed since a
// moment.
func neverFailed(hosts []*Host, since time.Time) error {
	return each(hosts, func(_ int, h *Host) error {
		changes, err := h.Changes()
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.What == "status" && c.After == string(catalog.Failed) && c.At.After(since) {
				err = errors.Join(err, errors.New(h.Name+" took "+c.Node+" for failed at "+c.At.String()))
			}
		}
		return err
	})
}

// reach is nil if one host can connect to another.
func reach(from, to *Host) error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	c, err := from.Dial(ctx, "tcp", net.JoinHostPort(to.Address, strconv.Itoa(GossipPort)))
	if err != nil {
		return err
	}
	return c.Close()
}
