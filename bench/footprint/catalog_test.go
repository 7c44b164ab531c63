package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

// smallHost is a host as a simulated mesh has it: hardly any facts, one
// service, one check.
func smallHost(i int) host {
	h := hadoopHost(i)
	h.facts = catalog.Facts{Memory: catalog.Memory{Total: 64 << 30}}
	h.services, h.checks = h.services[:1], h.checks[:1]
	return h
}

// fleet is a catalog of hosts as a node has it that pulled them.
func fleet(tb testing.TB, size int, of func(int) host) *catalog.Catalog {
	tb.Helper()
	c := catalog.New(catalog.Origin{}, 72*time.Hour)
	for i := range size {
		d, err := of(i).delta(catalog.Origin{1, byte(i >> 8), byte(i)}, fmt.Sprintf("10.1.%d.%d", i/200, i%200+1))
		if err != nil {
			tb.Fatal(err)
		}
		b, err := catalog.Encode(d)
		if err != nil {
			tb.Fatal(err)
		}
		var received catalog.Delta
		if err := catalog.Decode(b, &received); err != nil {
			tb.Fatal(err)
		}
		if _, err := c.Learn(received, time.Now()); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// What one host costs in the memory of each, in bytes.
func BenchmarkBytesPerHost(b *testing.B) {
	for name, of := range map[string]func(int) host{"hadoop": hadoopHost, "small": smallHost} {
		b.Run(name, func(b *testing.B) {
			const hosts = 1000
			for b.Loop() {
				before := heap()
				c := fleet(b, hosts, of)
				b.ReportMetric(float64(heap()-before)/hosts, "B/host")
				runtime.KeepAlive(c)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only found dead
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Questions about all of 1,000 Hadoop hosts.
func BenchmarkQuestions(b *testing.B) {
	nodes := fleet(b, 1000, hadoopHost).View().Nodes()
	for name, filter := range map[string]string{
		"rack":   `rack == "/dc1/r12"`,
		"memory": `Facts.Memory.Total > 64GB`,
		"disks":  `any Facts.Disks as d { d.Rotational == true and d.Size >= 120TB }`,
		"mounts": `any Facts.Mounts as m { m.ReadOnly == true or m.Type == ext3 }`,
	} {
		f, err := api.NodeFilter(filter)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, n := range nodes {
					f.Match(n)
				}
			}
		})
	}
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(nodes); err != nil {
				b.Fatal(err)
			}
		}
	})
}
