//go:build linux

package lab

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/yodel-mesh/yodel/catalog"
)

const (
	fleetSize = 20
	webPort   = 18080
	webName   = "web.service.yodel"
	// checkInterval and what a check may take on top: the budget of a service.
	checkInterval = time.Second
	serviceBudget = checkInterval + time.Second
	failBudget    = 5 * time.Second
	healBudget    = 15 * time.Second
)

// fleet is the mesh of twenty that the tests which leave it healthy share.
var fleet struct {
	sync.Mutex
	lab  *Lab
	web  []*Host // those with a web service: two in the first half, one in the second
	webs []*Web  // theirs
}

// webConfig checks an HTTP server on the host itself.
func webConfig(h *Host) string {
	return fmt.Sprintf(`
service {
  name = "web"
  port = %d
  check {
    http     = "http://%s:%d/"
    interval = "%s"
    timeout  = "500ms"
  }
}
`, webPort, h.Address, webPort, checkInterval)
}

// shared is the fleet, started by the first test that wants it, and whole
// again after the last one.
func shared(t *testing.T) (*Lab, []*Web) {
	t.Helper()
	possible(t)
	fleet.Lock()
	defer fleet.Unlock()
	t.Cleanup(func() {
		if t.Failed() && fleet.lab != nil {
			tails(t, fleet.lab.Hosts)
		}
	})
	if fleet.lab == nil {
		fleet.lab = openLab(t, fleetSize)
		all := fleet.lab.Hosts
		fleet.web = []*Host{all[0], all[1], all[fleetSize/2+1]}
		for _, h := range fleet.web {
			w, err := h.Serve(webPort)
			ok(t, err)
			fleet.webs = append(fleet.webs, w)
			h.Config = webConfig(h)
		}
		start(t, fleet.lab.Hosts)
	} else {
		repair(t)
	}
	hosts := fleet.lab.Hosts
	within(t, joinBudget, "the fleet is healthy", hosts, func() error {
		return errors.Join(whole(hosts), answer(hosts, webName, fleet.web))
	})
	return fleet.lab, fleet.webs
}

// repair ends every fault and starts every agent that does not run.
func repair(t *testing.T) {
	t.Helper()
	ok(t, fleet.lab.Heal())
	for _, h := range fleet.lab.Hosts {
		ok(t, h.Plug())
		if !h.Running() {
			ok(t, h.Start())
		}
	}
	for _, w := range fleet.webs {
		w.Stop()
		ok(t, w.Start())
	}
}

// answer is nil if every one of hosts answers a name with the addresses of
// others, and no more.
func answer(hosts []*Host, name string, others []*Host) error {
	want := make([]string, len(others))
	for i, h := range others {
		want[i] = h.Address
	}
	slices.Sort(want)
	return each(hosts, func(_ int, h *Host) error {
		got, err := h.Lookup(name, dns.TypeA)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("%s answers %s with %v, want %v", h.Name, name, got, want)
		}
		return err
	})
}

// resolve is nil if every one of hosts resolves every name of others, by both
// zones, forward and back.
func resolve(hosts, others []*Host) error {
	return each(hosts, func(_ int, h *Host) error {
		for _, o := range others {
			if err := errors.Join(h.Resolves(o.FQDN(), o.Address), h.Resolves(o.Name+".node.yodel", o.Address),
				h.ResolvesBack(o.Address, o.FQDN())); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestTwentyHostsJoin(t *testing.T) {
	l, _ := shared(t)
	within(t, time.Second, "every name from every host, forward and back", l.Hosts, func() error { return resolve(l.Hosts, l.Hosts) })
	if out, err := l.Hosts[7].Yodel("members"); err != nil {
		t.Error(err)
	} else {
		t.Logf("h8$ yodel members\n%s", out)
	}
}

func TestAServiceStopsAndComesBack(t *testing.T) {
	l, webs := shared(t)
	for i, w := range webs {
		ok(t, w.Stop())
		within(t, serviceBudget, "a stopped service is out of every answer", l.Hosts, func() error {
			return answer(l.Hosts, webName, without(fleet.web, fleet.web[i]))
		})
		ok(t, w.Start())
		within(t, serviceBudget, "it is back in every answer", l.Hosts, func() error {
			return answer(l.Hosts, webName, fleet.web)
		})
	}
}

func TestAnAgentIsKilled(t *testing.T) {
	l, _ := shared(t)
	for _, victim := range fleet.web {
		rest := without(l.Hosts, victim)
		victim.Kill()
		within(t, failBudget, "the instances of a killed agent are out of every answer", rest, func() error {
			return answer(rest, webName, without(fleet.web, victim))
		})
		if err := resolve(rest, []*Host{victim}); err != nil {
			t.Error("its node name is gone:", err)
		}
		ok(t, victim.Start())
		within(t, failBudget, "started again, it is back in every answer", l.Hosts, func() error {
			return answer(l.Hosts, webName, fleet.web)
		})
	}
}

func TestACableIsPulledAndPlugged(t *testing.T) {
	l, _ := shared(t)
	victim := fleet.web[2]
	rest := without(l.Hosts, victim)
	ok(t, victim.Unplug())
	within(t, failBudget, "the instances of a host without cable are out of every answer", rest, func() error {
		return answer(rest, webName, without(fleet.web, victim))
	})
	// How soon the one without a cable gives up nineteen others is not promised:
	// it rightly doubts itself. It answers all the while, for all names.
	if got, err := victim.Lookup(webName, dns.TypeA); err != nil || !slices.Contains(got, victim.Address) {
		t.Errorf("it answers %v, %v for the service that runs on itself", got, err)
	}
	if err := resolve(l.Hosts, l.Hosts); err != nil {
		t.Error("a node name is gone:", err)
	}
	ok(t, victim.Plug())
	within(t, healBudget, "plugged in, all is as before", l.Hosts, func() error {
		return errors.Join(whole(l.Hosts), answer(l.Hosts, webName, fleet.web))
	})
}

func TestTwoHalvesBecomeOneAgain(t *testing.T) {
	l, _ := shared(t)
	left, right := l.Hosts[:fleetSize/2], l.Hosts[fleetSize/2:]
	before := pids(l.Hosts)
	ok(t, l.Cut(left, right))
	split := time.Now()
	within(t, 10*time.Second, "each half answers for what it reaches", l.Hosts, func() error {
		return errors.Join(answer(left, webName, fleet.web[:2]), answer(right, webName, fleet.web[2:]))
	})
	ok(t, left[3].Register("west"))
	ok(t, right[3].Register("east"))
	within(t, 2*time.Second, "each half knows of its own change", l.Hosts, func() error {
		return errors.Join(answer(left, "west.service.yodel", left[3:4]), answer(right, "east.service.yodel", right[3:4]))
	})
	holds(t, 30*time.Second-time.Since(split), "the halves stay as they are", l.Hosts, func() error {
		return errors.Join(answer(left, webName, fleet.web[:2]), answer(right, webName, fleet.web[2:]), resolve(l.Hosts[9:11], l.Hosts))
	})
	ok(t, l.Heal())
	within(t, healBudget, "the halves are one again, with equal catalogs", l.Hosts, func() error {
		return errors.Join(whole(l.Hosts), answer(l.Hosts, webName, fleet.web),
			answer(l.Hosts, "west.service.yodel", left[3:4]), answer(l.Hosts, "east.service.yodel", right[3:4]))
	})
	if after := pids(l.Hosts); !slices.Equal(before, after) {
		t.Errorf("processes before %v, after %v: somebody was restarted", before, after)
	}
	ok(t, left[3].Deregister("west"))
	ok(t, right[3].Deregister("east"))
}

func pids(hosts []*Host) []int {
	var out []int
	for _, h := range hosts {
		out = append(out, h.PID())
	}
	return out
}

// TestAHostLeaves: what a person takes out is gone at once, name included, and
// nobody calls it failed.
func TestAHostLeaves(t *testing.T) {
	l, _ := shared(t)
	leaver := fleet.web[1]
	rest := without(l.Hosts, leaver)
	if out, err := leaver.Yodel("leave"); err != nil {
		t.Fatal(err)
	} else {
		t.Logf("%s$ yodel leave\n%s", leaver.Name, out)
	}
	within(t, 2*time.Second, "a host that left is out of every answer, name included", rest, func() error {
		return errors.Join(answer(rest, webName, without(fleet.web, leaver)), answer(rest, leaver.FQDN(), nil),
			Status(rest, leaver.Name, catalog.Left))
	})
	if code, err := leaver.Wait(stopTime); err != nil || code != 0 {
		t.Errorf("the agent that left ended with code %d, %v", code, err)
	}
	holds(t, 3*time.Second, "it stays one that left", rest, func() error { return Status(rest[:3], leaver.Name, catalog.Left) })
	ok(t, leaver.Start())
	within(t, healBudget, "started again, all is as before", l.Hosts, func() error {
		return errors.Join(whole(l.Hosts), answer(l.Hosts, webName, fleet.web))
	})
}
