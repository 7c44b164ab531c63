package facts

import (
	"slices"
	"strings"
	"testing"

	"github.com/yodel-mesh/yodel/catalog"
)

func TestPrimary(t *testing.T) {
	eth := func(name string, addrs ...string) catalog.Interface {
		return catalog.Interface{Name: name, Addresses: addrs}
	}
	for _, c := range []struct {
		name   string
		list   []catalog.Interface
		routes []string
		want   string // an address, or part of the error
	}{
		{"plain", []catalog.Interface{eth("docker0", "172.17.0.1/16"), eth("eth0", "10.1.2.3/24", "fd00::3/64")}, []string{"eth0"}, "10.1.2.3"},
		{"several", []catalog.Interface{eth("eth0", "10.1.2.3/24", "10.1.2.9/32")}, []string{"eth0"}, "several private ones, [10.1.2.3 10.1.2.9]"},
		{"without a route", []catalog.Interface{eth("eth0", "10.1.2.3/24")}, nil, "10.1.2.3"},
		{"without a route, several", []catalog.Interface{eth("eth0", "10.1.2.3/24"), eth("eth1", "10.2.2.3/24")}, nil, "several private ones"},
		{"public", []catalog.Interface{eth("eth0", "8.8.4.4/24")}, []string{"eth0"}, "only public ones such as 8.8.4.4"},
		{"public route, private beside", []catalog.Interface{eth("eth0", "8.8.4.4/24"), eth("eth1", "10.1.2.3/24")}, []string{"eth0"}, "none of [10.1.2.3] is on the interface with the default route (eth0)"},
		{"public and private on it", []catalog.Interface{eth("eth0", "8.8.4.4/24", "10.1.2.3/24")}, []string{"eth0"}, "10.1.2.3"},
		{"IPv6 only", []catalog.Interface{eth("eth0", "fd00::3/64")}, []string{"eth0"}, "fd00::3"},
		{"carrier's and test networks", []catalog.Interface{eth("eth0", "100.64.1.1/24")}, []string{"eth0"}, "100.64.1.1"},
		{"nothing", nil, nil, "no interface is up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := primary(c.list, c.routes)
			if err == nil {
				if got.String() != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
				return
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "set advertise_addr") {
				t.Errorf("got %v, want %q and a hint", err, c.want)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	v4 := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"wlan1\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"dead0\t00000000\t010200C0\t0200\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n" +
		"eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
	if got := routes4(v4); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("IPv4: got %v", got)
	}
	zero := strings.Repeat("0", 32)
	v6 := zero + " 00 " + zero + " 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n" +
		zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n"
	if got := routes6(v6); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("IPv6: got %v", got)
	}
}
