//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/yodel-mesh/yodel/catalog"
)

// returnBudget is how long a host may take to be a member again.
const returnBudget = 10 * time.Second

// moveBudget is for an identity that turns up elsewhere before the others know
// that it has gone: they refuse the new address until then, and when its second
// word comes too early as well, the exchange of all states every 15 s brings it.
const moveBudget = 30 * time.Second

// small is a mesh of five with a web service on the last one.
func small(t *testing.T) (l *Lab, last *Host) {
	t.Helper()
	l = newLab(t, 5)
	last = l.Hosts[4]
	_, err := last.Serve(webPort)
	ok(t, err)
	last.Config = webConfig(last)
	start(t, l.Hosts)
	within(t, serviceBudget, "all answer for the service", l.Hosts, func() error { return answer(l.Hosts, webName, []*Host{last}) })
	return l, last
}

func id(t *testing.T, h *Host) string {
	t.Helper()
	id, err := h.ID()
	ok(t, err)
	return id
}

// rejoined waits until a host that was away is a member again. What it and the
// others remember of each other would look the same at first: so it must tell
// the others something new, and they it.
func rejoined(t *testing.T, budget time.Duration, what string, hosts []*Host, host *Host, more func() error) {
	t.Helper()
	other := without(hosts, host)[0]
	mine, theirs := "from-"+host.Name, "to-"+host.Name
	said := false
	within(t, budget, what, hosts, func() error {
		if !said {
			if err := errors.Join(host.Register(mine), other.Register(theirs)); err != nil {
				return err
			}
			said = true
		}
		return errors.Join(answer(hosts, mine+".service.yodel", []*Host{host}), answer(hosts, theirs+".service.yodel", []*Host{other}),
			whole(hosts), more())
	})
	ok(t, host.Deregister(mine))
	ok(t, other.Deregister(theirs))
}

func back(t *testing.T, budget time.Duration, what string, l *Lab, last *Host, more func() error) {
	t.Helper()
	rejoined(t, budget, what, l.Hosts, last, func() error {
		return errors.Join(more(), answer(l.Hosts, webName, []*Host{last}), resolve(l.Hosts, l.Hosts), conflicts(l.Hosts, 0))
	})
}

// conflicts is nil if every one of hosts counts as many conflicts of names.
func conflicts(hosts []*Host, want float64) error {
	return each(hosts, func(_ int, h *Host) error {
		m, err := h.Metrics()
		if n := m["yodel_catalog_conflicts"]; err == nil && n != want {
			err = fmt.Errorf("%s counts %v conflicts of names, want %v", h.Address, n, want)
		}
		return err
	})
}

func nothing() error { return nil }

// TestRestartWithoutSeeds: one host, and then all at once as after a loss of
// power, come back by what their disks remember.
func TestRestartWithoutSeeds(t *testing.T) {
	t.Parallel()
	l, last := small(t)
	rest := without(l.Hosts, last)
	before := id(t, last)
	time.Sleep(3 * time.Second) // what it knows is kept within two
	ok(t, last.Stop())
	within(t, failBudget, "a stopped agent is failed on all others", rest, func() error { return Status(rest, last.Name, catalog.Failed) })
	for _, h := range l.Hosts {
		h.Join = nil
	}
	ok(t, last.Unplug())
	ok(t, last.Start())
	within(t, 2*time.Second, "it answers from its disk, before it can join", l.Hosts, func() error {
		return errors.Join(resolve([]*Host{last}, l.Hosts), answer([]*Host{last}, webName, []*Host{last}))
	})
	ok(t, last.Plug())
	back(t, returnBudget, "restarted without seeds, it is back", l, last, nothing)
	if after := id(t, last); after != before {
		t.Errorf("its identity was %s and is %s", before, after)
	}
	for _, h := range l.Hosts {
		h.Kill()
	}
	for _, h := range l.Hosts {
		h.Wait(stopTime)
		ok(t, h.Start())
	}
	back(t, returnBudget, "all killed and started without seeds, all are back", l, last, nothing)
	if after := id(t, last); after != before {
		t.Errorf("its identity was %s and is %s", before, after)
	}
}

// TestReinstalled: a host with a wiped disk comes back under its name as
// another origin, and then a second time with another address as well.
func TestReinstalled(t *testing.T) {
	t.Parallel()
	l, last := small(t)
	ok(t, last.Register("old"))
	for _, address := range []string{last.Address, "10.77.0.105"} {
		before, old := id(t, last), last.Address
		last.Kill()
		last.Wait(stopTime)
		ok(t, last.Wipe())
		ok(t, last.SetAddress(address))
		_, err := last.Serve(webPort + 1)
		ok(t, err)
		last.Config = strings.ReplaceAll(webConfig(last), fmt.Sprint(webPort), fmt.Sprint(webPort+1))
		ok(t, last.Start())
		back(t, returnBudget, "with a wiped disk at "+address+", it is back", l, last, func() error {
			if after, err := last.ID(); err != nil || after == before {
				return fmt.Errorf("its identity is still %s, %v", after, err)
			}
			return answer(l.Hosts, "old.service.yodel", nil)
		})
		if address != old {
			reverse, _ := dns.ReverseAddr(old)
			within(t, returnBudget, "the old address has no name", l.Hosts, func() error {
				for _, h := range l.Hosts {
					if got, err := h.Lookup(reverse, dns.TypePTR); err == nil && len(got) > 0 {
						return fmt.Errorf("%s answers %s with %v", h.Name, old, got)
					}
				}
				return nil
			})
		}
		for _, w := range last.webs {
			w.Stop()
		}
	}
}

// TestMoved: a host keeps its disk and gets another address.
func TestMoved(t *testing.T) {
	t.Parallel()
	l, last := small(t)
	before := id(t, last)
	ok(t, last.Stop())
	ok(t, last.SetAddress("10.77.0.106"))
	_, err := last.Serve(webPort)
	ok(t, err)
	last.Config = webConfig(last)
	ok(t, last.Start())
	back(t, moveBudget, "with another address, it is back", l, last, nothing)
	if after := id(t, last); after != before {
		t.Errorf("its identity was %s and is %s", before, after)
	}
}

// TestTwoHostsOfOneName: everybody decides alike who has the name, everybody
// reports it, and the loser says that it is not ready.
func TestTwoHostsOfOneName(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5)
	one, two := l.Hosts[3], l.Hosts[4]
	ok(t, two.Rename(one.Name))
	for _, h := range l.Hosts {
		ok(t, h.Start())
	}
	within(t, joinBudget, "all agree on who has the name, and count one conflict", l.Hosts, func() error {
		return errors.Join(Equal(l.Hosts), conflicts(l.Hosts, 1))
	})
	for _, h := range l.Hosts {
		if out, err := h.Yodel("members"); err != nil {
			t.Error(err)
		} else if !strings.Contains(out, one.Address) || !strings.Contains(out, two.Address) {
			t.Errorf("members on %s does not show both:\n%s", h.Address, out)
		}
		if !strings.Contains(h.Log(), "conflict") {
			t.Errorf("the log of %s says nothing of a conflict", h.Address)
		}
	}
	got, err := l.Hosts[0].Lookup(one.FQDN(), dns.TypeA)
	ok(t, err)
	if len(got) != 1 {
		t.Fatalf("%s is answered with %v, want one of two", one.FQDN(), got)
	}
	winner, loser := one, two
	if got[0] == two.Address {
		winner, loser = two, one
	}
	if _, err := loser.Get("/readyz"); !errors.Is(err, ErrStatus) {
		t.Errorf("the loser is ready: %v", err)
	} else {
		t.Log(err)
	}
	if _, err := winner.Get("/readyz"); err != nil {
		t.Errorf("the winner is not ready: %v", err)
	}
	rest := without(l.Hosts, winner)
	ok(t, winner.Stop())
	within(t, failBudget, "the name goes to the one that is left", rest, func() error {
		return answer(rest, one.FQDN(), []*Host{loser})
	})
	within(t, time.Second, "which is ready now", rest, func() error { _, err := loser.Get("/readyz"); return err })
}

// keyring is where an agent keeps the gossip keys.
func keyring(h *Host) string { return filepath.Join(h.Data, "keyring") }

// wrongKeyHint is what a person is told to do.
const wrongKeyHint = "copy the keyring file of a member"

// TestAWrongKeyIsToldWhatToDo: a host with another gossip key gets nothing,
// and both sides say why.
func TestAWrongKeyIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4)
	wrong, rest := l.Hosts[3], l.Hosts[:3]
	start(t, rest)
	wrong.Key = "d3JvbmcgZ29zc2lwIGtleSBvZiAzMiBieXRlcyAwMDE="
	ok(t, wrong.Start())
	within(t, returnBudget, "both sides tell of the wrong key", l.Hosts, func() error {
		for _, h := range []*Host{wrong, rest[0]} {
			if !strings.Contains(h.Log(), wrongKeyHint) {
				return fmt.Errorf("%s does not say what to do", h.Name)
			}
		}
		return nil
	})
	if _, err := rest[0].Get("/v1/mesh/node/" + wrong.Name); !errors.Is(err, ErrStatus) {
		t.Errorf("a host with a wrong key is known: %v", err)
	}
	ok(t, wrong.Stop())
	none := wrong
	none.Key = ""
	ok(t, none.Wipe())
	ok(t, none.Start())
	holds(t, 3*time.Second, "a host without a key is not known", l.Hosts, func() error {
		if _, err := rest[0].Get("/v1/mesh/node/" + none.Name); !errors.Is(err, ErrStatus) {
			return fmt.Errorf("it is: %v", err)
		}
		return nil
	})
}

// TestTheGossipKeyIsRotated while one host is away. It is told what to do, and
// that helps.
func TestTheGossipKeyIsRotated(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5)
	away, rest := l.Hosts[4], l.Hosts[:4]
	start(t, l.Hosts)
	ok(t, away.Stop())
	within(t, failBudget, "one host is away", rest, func() error { return Status(rest, away.Name, catalog.Failed) })
	fresh, err := rest[1].Yodel("keyring", "generate")
	ok(t, err)
	fresh = strings.TrimSpace(fresh)
	for _, step := range [][]string{{"install", fresh}, {"use", fresh}, {"remove", Key}} {
		begin := time.Now()
		out, err := rest[1].Yodel(append([]string{"keyring"}, step...)...)
		ok(t, err)
		t.Logf("keyring %s: %s: %s", step[0], time.Since(begin).Round(time.Millisecond), strings.TrimSpace(out))
	}
	ok(t, rest[2].Register("after"))
	within(t, 2*time.Second, "a change is known under the new key", rest, func() error {
		return answer(rest, "after.service.yodel", rest[2:3])
	})
	ok(t, rest[3].Stop())
	ok(t, rest[3].Start())
	rejoined(t, returnBudget, "a host restarted with the old configuration is back", rest, rest[3], nothing)
	ok(t, away.Start())
	within(t, returnBudget, "the one that was away is told what to do", l.Hosts, func() error {
		if !strings.Contains(away.Log(), wrongKeyHint) {
			return errors.New("it is not")
		}
		return nil
	})
	ok(t, away.Stop())
	ring, err := os.ReadFile(keyring(rest[0]))
	ok(t, err)
	ok(t, os.WriteFile(keyring(away), ring, 0o600))
	ok(t, away.Start())
	rejoined(t, returnBudget, "having done that, it is back", l.Hosts, away, nothing)
}
