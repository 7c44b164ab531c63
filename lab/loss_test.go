//go:build linux

package lab

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// TestLossIsNoFailure: a tenth of all packets is lost, each way, for five
// minutes. Nobody healthy is declared failed, and changes go on arriving.
func TestLossIsNoFailure(t *testing.T) {
	const hosts, lost, lasts, pause, budget = 12, 10, 5 * time.Minute, 5 * time.Second, 2 * time.Second
	t.Parallel()
	l := newLab(t, hosts)
	start(t, l.Hosts)
	ok(t, l.Lose(lost))
	since := time.Now()
	share := lossBetween(t, l.Hosts[0], l.Hosts[1])
	t.Logf("measured: %d %% of packets are lost", share)
	if share < lost/2 || share > 2*lost {
		t.Fatalf("%d %% of packets are lost, want about %d", share, lost)
	}
	var slowest, sum time.Duration
	count := 0
	for begin := time.Now(); time.Since(begin) < lasts; time.Sleep(pause) {
		origin, name := l.Hosts[count%hosts], fmt.Sprintf("change%d", count)
		ok(t, origin.Register(name))
		took := quiet(t, budget, "a change is known to all", l.Hosts, func() error {
			return answer(l.Hosts, name+".service.yodel", []*Host{origin})
		})
		slowest, sum, count = max(slowest, took), sum+took, count+1
		ok(t, origin.Deregister(name))
	}
	t.Logf("%d changes at %d %% loss: mean %s, slowest %s of %s", count, lost,
		(sum / time.Duration(count)).Round(time.Millisecond), slowest.Round(time.Millisecond), budget)
	ok(t, neverFailed(l.Hosts, since))
	ok(t, l.Heal())
	within(t, healBudget, "the catalogs are equal", l.Hosts, func() error { return whole(l.Hosts) })
}

// lossBetween sends packets from one host to another and says how many of a
// hundred are lost.
func lossBetween(t *testing.T, from, to *Host) int {
	t.Helper()
	const packets, port = 1000, "9999"
	address := net.JoinHostPort(to.Address, port)
	in, err := to.ListenPacket("udp", address)
	ok(t, err)
	defer in.Close()
	out, err := from.Dial(t.Context(), "udp", address)
	ok(t, err)
	defer out.Close()
	got, b := 0, make([]byte, 16)
	for range packets {
		out.Write([]byte("packet")) // lost or not: that is the question
		in.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if _, _, err := in.ReadFrom(b); err == nil {
			got++
		}
	}
	return (packets - got) * 100 / packets
}
