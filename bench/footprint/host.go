package main

import (
	"fmt"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

const disksPerHost = 24

// host is what a member of the crowd says of itself.
type host struct {
	name, rack string
	tags       map[string]string
	facts      catalog.Facts
	services   []catalog.Service
	checks     []catalog.Check
}

// hadoopHost is a worker of a Hadoop cluster: two system disks, 24 data disks,
// two to four services and five to ten checks.
func hadoopHost(i int) host {
	h := host{
		name: fmt.Sprintf("worker%03d.hadoop.example.net", i), rack: fmt.Sprintf("/dc1/r%02d", i/20),
		tags:  map[string]string{"role": "datanode", "cluster": fmt.Sprintf("prod%d", i%3), "env": "production"},
		facts: hadoopFacts(i),
	}
	for s, one := range []struct {
		name string
		port int
	}{{"hdfs-datanode", 9866}, {"yarn-nodemanager", 8042}, {"hbase-regionserver", 16030}, {"impala-daemon", 25000}}[:2+i%3] {
		h.services = append(h.services, catalog.Service{
			ID: one.name, Name: one.name, Port: one.port, Tags: []string{"prod", fmt.Sprintf("v3.%d", s)},
			Meta: map[string]string{"owner": "hadoop-ops", "config": "2026-10"}, Weights: catalog.Weights{Passing: 1, Warning: 1},
		})
		h.checks = append(h.checks, catalog.Check{
			ID: "service:" + one.name, Name: one.name + " answers", ServiceID: one.name, Service: one.name, Type: "http", Interval: "10s",
			Status: catalog.Passing, Since: h.facts.Boot.Time,
			Output: fmt.Sprintf("HTTP GET http://%s:%d/jmx: 200 OK Output: {\"beans\":[{\"name\":\"java.lang:type=Runtime\"}]}", h.name, one.port),
		})
	}
	for _, one := range []string{"disk-smart", "ntp-offset", "kerberos-keytab", "load", "mounts", "swap"}[:3+i%4] {
		h.checks = append(h.checks, catalog.Check{
			ID: one, Name: one + " of the host", Type: "script", Interval: "1m0s", Status: catalog.Passing, Since: h.facts.Boot.Time,
			Output: "OK: " + one + " is within its limits (0.13 of 1.00), looked at 24 items, none to report",
		})
	}
	return h
}

// delta is all of it as its origin would say it.
func (h host) delta(o catalog.Origin, address string) (catalog.Delta, error) {
	values := map[string]any{catalog.KeyHost: catalog.Host{
		Name: h.name, Datacenter: "dc1", Rack: h.rack, Address: address, PeerPort: peerPort, Tags: h.tags,
		FQDN: h.facts.OS.FQDN, Version: h.facts.Boot.Version,
	}}
	for _, s := range h.services {
		values[catalog.KeyService(s.ID)] = s
	}
	for _, c := range h.checks {
		values[catalog.KeyCheck(c.ID)] = c
	}
	entries, err := catalog.FactEntries(h.facts)
	for key, v := range values {
		if err == nil {
			entries[key], err = catalog.Encode(v)
		}
	}
	d := catalog.Delta{Origin: o, Status: catalog.Alive}
	for key, b := range entries {
		d.To++
		d.Entries = append(d.Entries, catalog.Entry{Number: d.To, Key: key, Value: b})
	}
	return d, err
}

func hadoopFacts(i int) catalog.Facts {
	f := catalog.Facts{
		OS: catalog.OS{
			HostName: fmt.Sprintf("worker%03d", i), FQDN: fmt.Sprintf("worker%03d.hadoop.example.net", i), Name: "rocky", Version: "8.10",
			Kernel: "4.18.0-553.el8_10.x86_64", Arch: "x86_64", Vendor: "Dell Inc.", Product: "PowerEdge R740xd2", Serial: fmt.Sprintf("7XK%04d", i),
		},
		CPU:    catalog.CPU{Model: "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", Sockets: 2, Cores: 40, Threads: 80},
		Memory: catalog.Memory{Total: 384 << 30, Swap: 4 << 30},
		Boot:   catalog.Boot{Time: time.Date(2026, 6, 1, 3, i%60, 0, 0, time.UTC), Version: "0.1.0"},
		Interfaces: []catalog.Interface{
			{Name: "bond0", MAC: fmt.Sprintf("24:6e:96:00:%02x:%02x", i/256, i%256), MTU: 9000, Addresses: []string{fmt.Sprintf("10.1.%d.%d/16", i/200, i%200+1)}},
			{Name: "idrac", MAC: fmt.Sprintf("24:6e:97:00:%02x:%02x", i/256, i%256), MTU: 1500, Addresses: []string{"169.254.1.2/24"}},
		},
		Mounts: []catalog.Mount{{Path: "/", Device: "/dev/mapper/vg0-root", Type: "xfs", Size: 100 << 30, Used: 25 << 30}},
	}
	for d := range disksPerHost {
		name, serial := "sd"+string(rune('a'+d)), fmt.Sprintf("ZC1%02d%04d", d, i)
		f.Disks = append(f.Disks, catalog.Disk{Name: name, Size: 12 << 40, Type: "hdd", Model: "ST12000NM0158", Serial: serial, Rotational: true})
		f.Mounts = append(f.Mounts, catalog.Mount{
			Path: fmt.Sprintf("/data/%02d", d+1), Device: "/dev/" + name + "1", Type: "xfs", Size: 12 << 40, Used: uint64(6+d%3) << 40, Serial: serial,
		})
	}
	for d := range 2 {
		f.Disks = append(f.Disks, catalog.Disk{Name: fmt.Sprintf("nvme%dn1", d), Size: 480 << 30, Type: "nvme", Model: "Dell BOSS", Serial: fmt.Sprintf("B%d%04d", d, i)})
	}
	return f
}
