package catalog

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// machineA is a host with two disks; edit changes a deep enough copy of it.
func machineA(edit func(*Facts)) Facts {
	f := Facts{
		OS:     OS{HostName: "dn1", FQDN: "dn1.example.com", Name: "centos", Version: "7.9", Kernel: "3.10.0-1160", Arch: "x86_64", Vendor: "Dell Inc.", Product: "R740", Serial: "8XK2"},
		CPU:    CPU{Model: "Xeon", Sockets: 2, Cores: 48, Threads: 96},
		Memory: Memory{Total: 64e9, Swap: 4e9},
		Disks: []Disk{
			{Name: "sda", Size: 4e12, Type: "hdd", Model: "ST4000", Serial: "A1", Rotational: true},
			{Name: "sdb", Size: 4e12, Type: "hdd", Model: "ST4000", Serial: "B2", Rotational: true},
		},
		Mounts: []Mount{
			{Path: "/data1", Device: "/dev/sda1", Type: "xfs", Size: 4e12, Serial: "A1"},
			{Path: "/data2", Device: "/dev/sdb1", Type: "xfs", Size: 4e12, Serial: "B2"},
		},
		Interfaces: []Interface{{Name: "eth0", MAC: "02:00:00:00:00:01", MTU: 1500, Addresses: []string{"10.0.0.1/24"}}},
		Boot:       Boot{Time: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Version: "1.0"},
	}
	if edit != nil {
		edit(&f)
	}
	return f
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Facts)
		want []string
	}{
		{"nothing", nil, nil},
		{"disk gone", func(f *Facts) { f.Disks = f.Disks[:1] }, []string{"disk sdb gone (4.0 TB hdd ST4000, serial B2)"}},
		{"disk added", func(f *Facts) { f.Disks = append(f.Disks, Disk{Name: "sdc", Size: 480e9, Type: "ssd"}) }, []string{"disk sdc new (480.0 GB ssd)"}},
		{"disk replaced", func(f *Facts) { f.Disks[1].Serial, f.Disks[1].Size = "C3", 8e12 },
			[]string{"disk sdb: 4.0 TB hdd ST4000, serial B2 -> 8.0 TB hdd ST4000, serial C3"}},
		{"disks renamed by a reboot", func(f *Facts) { f.Disks[0].Serial, f.Disks[1].Serial = "B2", "A1" },
			[]string{"name of disk with serial A1: sda -> sdb", "name of disk with serial B2: sdb -> sda"}},
		{"disk renamed and the other gone", func(f *Facts) { f.Disks = f.Disks[1:]; f.Disks[0].Name = "sda" },
			[]string{"disk sda gone (4.0 TB hdd ST4000, serial A1)", "name of disk with serial B2: sdb -> sda"}},
		{"disk without serial", func(f *Facts) { f.Disks[0].Serial = "" }, []string{"disk sda: 4.0 TB hdd ST4000, serial A1 -> 4.0 TB hdd ST4000"}},
		{"all disks gone", func(f *Facts) { f.Disks = nil },
			[]string{"disk sda gone (4.0 TB hdd ST4000, serial A1)", "disk sdb gone (4.0 TB hdd ST4000, serial B2)"}},
		{"memory", func(f *Facts) { f.Memory.Total = 32e9 }, []string{"memory: 64.0 GB -> 32.0 GB"}},
		{"memory of another kernel", func(f *Facts) { f.Memory.Total += 1e6 }, nil},
		{"kernel and system", func(f *Facts) { f.OS.Kernel, f.OS.Version = "3.10.0-1170", "7.10" },
			[]string{"system: centos 7.9 -> centos 7.10", "kernel: 3.10.0-1160 -> 3.10.0-1170"}},
		{"board", func(f *Facts) { f.OS.Serial = "9YY" }, []string{"machine: Dell Inc. R740 (serial 8XK2) -> Dell Inc. R740 (serial 9YY)"}},
		{"processors", func(f *Facts) { f.CPU.Sockets, f.CPU.Cores, f.CPU.Threads = 1, 24, 48 },
			[]string{"processors: 2 sockets, 48 cores, 96 threads -> 1 sockets, 24 cores, 48 threads"}},
		{"mount read-only", func(f *Facts) { f.Mounts[0].ReadOnly = true }, []string{"mount /data1: read-write -> read-only"}},
		{"mount gone", func(f *Facts) { f.Mounts = f.Mounts[1:] }, []string{"mount /data1 gone (/dev/sda1, serial A1, xfs, 4.0 TB)"}},
		{"mount on another disk", func(f *Facts) { f.Mounts[0].Serial, f.Mounts[0].Size = "C3", 8e12 },
			[]string{"mount /data1 device: /dev/sda1, serial A1 -> /dev/sda1, serial C3", "mount /data1 size: 4.0 TB -> 8.0 TB"}},
		{"same disk by another name", func(f *Facts) { f.Mounts[0].Device = "/dev/sdq1" }, nil},
		{"fuller", func(f *Facts) { f.Mounts[0].Used = 3e12 }, nil},
		{"address added", func(f *Facts) { f.Interfaces[0].Addresses = []string{"10.0.0.1/24", "10.0.0.9/24"} }, []string{"address 10.0.0.9/24 new (eth0)"}},
		{"address moved", func(f *Facts) {
			f.Interfaces = []Interface{{Name: "bond0", MAC: "02:00:00:00:00:01", MTU: 9000, Addresses: []string{"10.0.0.1/24"}}}
		}, []string{"interface bond0 new (02:00:00:00:00:01, mtu 9000)", "interface eth0 gone (02:00:00:00:00:01, mtu 1500)", "address 10.0.0.1/24: eth0 -> bond0"}},
		{"rebooted", func(f *Facts) { f.Boot.Time = f.Boot.Time.Add(time.Hour) }, []string{"boot: 2026-01-02 03:04Z -> 2026-01-02 04:04Z"}},
		{"told elsewhere", func(f *Facts) { f.Boot.Version, f.OS.FQDN = "1.1", "x.example.com" }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range Differences(machineA(nil), machineA(c.edit)) {
				got = append(got, d.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(c.want, "\n "))
			}
		})
	}
}

// The facts of a new host come one by one: that is no change of the host.
func TestFirstFactsAreNoDifference(t *testing.T) {
	if got := Differences(Facts{}, machineA(nil)); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// Whatever two hosts say, the order is fixed, each difference has two sides,
// and inputs stay as they were.
func TestDifferencesOfAnything(t *testing.T) {
	random := func() Facts {
		return machineA(func(f *Facts) {
			for i := range f.Disks {
				f.Disks[i].Name = string("abc"[rand.IntN(3)])
				f.Disks[i].Serial = []string{"", "A1", "B2"}[rand.IntN(3)]
			}
			f.Disks = f.Disks[:rand.IntN(3)]
			f.Mounts = f.Mounts[:rand.IntN(3)]
			f.Interfaces[0].Addresses = nil
		})
	}
	for range 2000 {
		a, b := random(), random()
		first := Differences(a, b)
		if !slices.Equal(first, Differences(a, b)) {
			t.Fatalf("two answers for %+v, %+v", a, b)
		}
		for _, d := range first {
			if d.Before == d.After || d.What == "" {
				t.Fatalf("got %+v", d)
			}
		}
		if d := Differences(a, a); len(d) != 0 {
			t.Fatalf("with itself: %v", d)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 4e12: "4.0 TB", 1<<64 - 1: "18.4 EB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
}
