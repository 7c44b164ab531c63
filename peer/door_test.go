package peer

import (
	"net/netip"
	"testing"
	"time"
)

func source(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

func TestDoorCountsWhoIsOnTheWayIn(t *testing.T) {
	var d door
	now := time.Now()
	for i := range handshakesMax {
		if err := d.enter(source(i), now); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, d.enter(source(1000), now), "128 handshakes under way, limit 128")
	d.leave(source(0))
	if err := d.enter(source(1000), now); err != nil {
		t.Error(err)
	}
	d = door{}
	for range handshakesPerSourceMax {
		if err := d.enter(source(0), now); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, d.enter(source(0), now), "16 handshakes under way from one address, limit 16")
	if err := d.enter(source(1), now); err != nil {
		t.Errorf("another address: %v", err)
	}
}

func TestDoorCountsConnectionsPerSecond(t *testing.T) {
	var d door
	now := time.Now()
	for range acceptsPerSource {
		if err := d.enter(source(0), now); err != nil {
			t.Fatal(err)
		}
		d.leave(source(0))
	}
	wantError(t, d.enter(source(0), now.Add(999*time.Millisecond)), "more than 100 connections per second")
	for _, later := range []time.Duration{time.Second, -time.Hour} { // a clock that was set back too
		if err := d.enter(source(0), now.Add(later)); err != nil {
			t.Errorf("after %v: %v", later, err)
		}
	}
}

func TestDoorCountsStreams(t *testing.T) {
	var d door
	for i := range streamsMax {
		if err := d.seat([16]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, d.seat([16]byte{255}), "busy: 64 streams, limit 64")
	d.rise([16]byte{3})
	if err := d.seat([16]byte{255}); err != nil {
		t.Error(err)
	}
	for i := range streamsMax {
		if i != 3 {
			d.rise([16]byte{byte(i)})
		}
	}
	d.rise([16]byte{255})
	if len(d.seated) != 0 || d.seats != 0 {
		t.Errorf("left behind: %+v", d.seated)
	}
}
