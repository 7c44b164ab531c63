package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/yodel-mesh/yodel/dnsd"
)

const (
	nodes     = 1000
	services  = 100
	instances = 3 // of each service
	questions = 1 << 15
)

func nodeName(i int) string    { return fmt.Sprintf("n%04d.node.yodel", i) }
func serviceName(i int) string { return fmt.Sprintf("svc%03d.service.yodel", i) }

func nodeAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 20, byte(i / 250), byte(i%250 + 1)})
}

func reverseName(i int) string {
	a := nodeAddr(i).As4()
	return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", a[3], a[2], a[1], a[0])
}

// runsOn is the node of a service's k-th instance.
func runsOn(service, k int) int { return (service*instances + k) * nodes / (services * instances) }

// hosts is the data as dnsd wants it.
func hosts() []dnsd.Host {
	out := make([]dnsd.Host, nodes)
	for i := range out {
		out[i] = dnsd.Host{Name: fmt.Sprintf("n%04d", i), Datacenter: "dc1", Addrs: []netip.Addr{nodeAddr(i)}}
	}
	for s := range services {
		for k := range instances {
			h := &out[runsOn(s, k)]
			name := fmt.Sprintf("svc%03d", s)
			h.Instances = append(h.Instances, dnsd.Instance{ID: name, Service: name, Port: 80})
		}
	}
	return out
}

// zoneFiles are the same names as zone files, TTL 0: yodel. and the reverse
// zone. The reverse names point at the node, as ours do.
func zoneFiles() (forward, reverse string) {
	head := func(origin string) string {
		return "$ORIGIN " + origin + "\n$TTL 0\n@ IN SOA ns.yodel. hostmaster.yodel. 1 3600 600 86400 0\n@ IN NS ns.yodel.\n"
	}
	var f, r strings.Builder
	f.WriteString(head("yodel.") + "ns IN A 127.0.0.1\n")
	r.WriteString(head("20.10.in-addr.arpa."))
	eachRecord(func(name, rtype, data string) {
		if rtype == "PTR" {
			fmt.Fprintf(&r, "%s. IN PTR %s\n", name, data)
		} else {
			fmt.Fprintf(&f, "%s. IN %s %s\n", name, rtype, data)
		}
	})
	return f.String(), r.String()
}

func eachRecord(f func(name, rtype, data string)) {
	for i := range nodes {
		f(nodeName(i), "A", nodeAddr(i).String())
		f(reverseName(i), "PTR", fmt.Sprintf("n%04d.node.dc1.yodel.", i))
	}
	for s := range services {
		for k := range instances {
			f(serviceName(s), "A", nodeAddr(runsOn(s, k)).String())
		}
	}
}

// mix is the questions of all runs: 80 % A of a node, 10 % A of a service, 5 %
// PTR, 5 % names that do not exist; all with EDNS. The ids are set when sent.
func mix() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([][]byte, questions)
	for i := range out {
		switch n := r.IntN(100); {
		case n < 80:
			out[i] = question(nodeName(r.IntN(nodes)), 1)
		case n < 90:
			out[i] = question(serviceName(r.IntN(services)), 1)
		case n < 95:
			out[i] = question(reverseName(r.IntN(nodes)), 12)
		default:
			out[i] = question(fmt.Sprintf("gone%03d.node.yodel", r.IntN(1000)), 1)
		}
	}
	return out
}

func question(name string, qtype uint16) []byte {
	b := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1} // RD, one question, one additional record
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = binary.BigEndian.AppendUint16(append(b, 0), qtype)
	return append(b, 0, 1, 0, 0, 41, 1232>>8, 1232&0xFF, 0, 0, 0, 0, 0, 0)
}
