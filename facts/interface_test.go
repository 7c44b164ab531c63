package facts

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

type addr string

func (a addr) Network() string { return "ip+net" }
func (a addr) String() string  { return string(a) }

func TestAddresses(t *testing.T) {
	passing := temporary("fd000000000000000000000000000009 04 40 00 01     eth0\n" +
		"fd000000000000000000000000000002 04 40 00 80     eth0\nshort 1\n")
	got := addresses([]net.Addr{addr("fe80::1/64"), addr("fd00::9/64"), addr("fd00::2/64"), addr("10.1.2.3/24"),
		addr("10.1.2.3/24"), addr("127.0.0.2/8"), addr("junk"), addr("169.254.0.9/16")}, passing)
	if want := []string{"10.1.2.3/24", "fd00::2/64"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzRoutes(f *testing.F) {
	f.Add("eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n")
	f.Fuzz(func(t *testing.T, s string) {
		routes4(s)
		routes6(s)
		for a := range temporary(s) {
			if !a.Is6() {
				t.Errorf("got %v", a)
			}
		}
		for _, h := range parseHosts(s) {
			if h.addr == (netip.Addr{}) || len(h.names) == 0 {
				t.Errorf("got %+v", h)
			}
		}
	})
}
