package dnsd

import (
	"net/netip"
	"testing"
)

func TestRecursorsInAnyOrder(t *testing.T) {
	addrs := []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("192.0.2.2:53"), netip.MustParseAddrPort("192.0.2.3:53"),
	}
	f := newForwarder(func(netip.AddrPort) bool { return false })
	f.note(addrs[2], true)
	first := make(map[netip.AddrPort]int)
	for range 200 {
		if got := f.order(addrs, false); got[0] != addrs[0] {
			t.Fatalf("in turn, the first is %v", got[0])
		}
		got := f.order(addrs, true)
		first[got[0]]++
		if got[2] != addrs[2] {
			t.Fatalf("the one that failed lately is asked before another: %v", got)
		}
	}
	if first[addrs[0]] == 0 || first[addrs[1]] == 0 {
		t.Errorf("in any order, the first was %v", first)
	}
}
