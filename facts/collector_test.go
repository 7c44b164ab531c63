package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/yodel-mesh/yodel/catalog"
)

func encode(t testing.TB, f catalog.Facts) []byte {
	t.Helper()
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hadoopCollector reads the fixture host, each of whose file systems is used
// to two thirds.
func hadoopCollector(t testing.TB) *Collector {
	c := New(Options{Root: hadoopHost(t).root, Version: "1.2.3"})
	c.near = newProbe(func(string) (usage, error) { return usage{3000, 2000}, nil })
	c.far = c.near
	c.lookup = func(context.Context, string) (string, error) {
		t.Error("the resolver was asked")
		return "", errors.New("no")
	}
	return c
}

func TestHadoopHost(t *testing.T) {
	f, errs := hadoopCollector(t).Collect(context.Background())
	for _, err := range errs {
		t.Error(err)
	}
	want := catalog.OS{HostName: "dn017", FQDN: "dn017.hadoop.example.com", Name: "centos", Version: "7.9.2009",
		Kernel: "3.10.0-1160.el7.x86_64", Arch: f.OS.Arch, Vendor: "Dell Inc.", Product: "PowerEdge R740xd2", Serial: "8XK2LM3"}
	if f.OS != want {
		t.Errorf("got %+v\nwant %+v", f.OS, want)
	}
	if got, want := f.CPU, (catalog.CPU{Model: "Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", Sockets: 2, Cores: 48, Threads: 96}); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got, want := f.Memory, (catalog.Memory{Total: 263846732 << 10, Swap: 4194300 << 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if f.Boot.Version != "1.2.3" || f.Boot.Time.IsZero() || f.Boot.Time.Second() != 0 {
		t.Errorf("got %+v", f.Boot)
	}
}

func TestHadoopDisksAndMounts(t *testing.T) {
	f, _ := hadoopCollector(t).Collect(context.Background())
	if len(f.Disks) != 25 {
		t.Fatalf("got %d disks, want 24 and the NVMe: %+v", len(f.Disks), f.Disks)
	}
	if got, want := f.Disks[0], (catalog.Disk{Name: "nvme0n1", Size: 937703088 * 512, Type: "nvme", Model: "SAMSUNG MZ7LH480", Serial: "S45NNA0M1"}); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got, want := f.Disks[24], (catalog.Disk{Name: "sdx", Size: tib4 * 512, Type: "hdd", Model: "ST4000NM0035-1V4107", Serial: "ZC100023", Rotational: true}); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	var paths []string
	byPath := map[string]catalog.Mount{}
	for _, m := range f.Mounts {
		byPath[m.Path] = m
		if !strings.HasPrefix(m.Path, "/data") {
			paths = append(paths, m.Path)
		}
	}
	if got, want := strings.Join(paths, " "), "/ /boot /mnt/home /mnt/tools"; got != want {
		t.Errorf("mounts beside the data: got %s, want %s", got, want)
	}
	if len(f.Mounts) != 28 {
		t.Errorf("got %d mounts, want 28", len(f.Mounts))
	}
	for path, want := range map[string]catalog.Mount{
		"/":       {Path: "/", Device: "/dev/mapper/centos-root", Type: "xfs", Size: 3000, Used: 1950, Serial: "S45NNA0M1"},
		"/boot":   {Path: "/boot", Device: "/dev/nvme0n1p1", Type: "ext4", Size: 3000, Used: 1950, Serial: "S45NNA0M1"},
		"/data24": {Path: "/data24", Device: "/dev/sdx1", Type: "xfs", Size: 3000, Used: 1950, Serial: "ZC100023"},
	} {
		if byPath[path] != want {
			t.Errorf("got %+v\nwant %+v", byPath[path], want)
		}
	}
}

func TestSameStateSameBytes(t *testing.T) {
	for name, c := range map[string]*Collector{"fixture": hadoopCollector(t), "this machine": New(Options{})} {
		t.Run(name, func(t *testing.T) {
			first, _ := c.Collect(context.Background())
			want := encode(t, first)
			for range 5 {
				f, _ := c.Collect(context.Background())
				if got := encode(t, f); !bytes.Equal(got, want) {
					t.Fatalf("got %s\nwant %s", got, want)
				}
			}
			restarted := New(Options{Root: c.root, Version: c.version, Previous: first})
			restarted.near, restarted.far = c.near, c.far
			f, _ := restarted.Collect(context.Background())
			if got := encode(t, f); !bytes.Equal(got, want) {
				t.Errorf("after a restart: got %s\nwant %s", got, want)
			}
		})
	}
}

func TestThisMachine(t *testing.T) {
	f, errs := Collect(context.Background(), Options{Version: "v", HostName: "Some.Host.Example."})
	t.Logf("%s\n%v", encode(t, f), errs)
	if f.OS.FQDN != "some.host.example" {
		t.Errorf("got FQDN %q", f.OS.FQDN)
	}
	if f.OS.Name == "" || f.OS.Kernel == "" || f.OS.Arch == "" || f.CPU.Threads == 0 || f.CPU.Cores == 0 || f.Memory.Total == 0 || f.Boot.Time.IsZero() {
		t.Errorf("got %s", encode(t, f))
	}
}

// A machine without /proc and /sys still says what it can.
func TestNothingToRead(t *testing.T) {
	f, errs := Collect(context.Background(), Options{Root: t.TempDir(), HostName: "h.example", Version: "v"})
	if f.OS.HostName != "h.example" || f.Boot.Version != "v" {
		t.Errorf("got %+v", f)
	}
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	for _, part := range []string{"system", "processors", "memory", "disks", "mounts", "boot time"} {
		if !strings.Contains(strings.Join(all, "\n"), "read "+part+": ") {
			t.Errorf("no error about %s in %q", part, all)
		}
	}
}

// What was known stays said when it cannot be read again.
func TestUnreadableKeepsWhatWasKnown(t *testing.T) {
	before, _ := hadoopCollector(t).Collect(context.Background())
	f, errs := Collect(context.Background(), Options{Root: t.TempDir(), Previous: before})
	if len(errs) == 0 || len(f.Disks) != 25 || len(f.Mounts) != 28 || f.Memory != before.Memory || f.CPU != before.CPU || f.Boot.Time != before.Boot.Time {
		t.Errorf("got %s, %v", encode(t, f), errs)
	}
}

func TestProcessorsAreReadAgainWhenOneGoes(t *testing.T) {
	w := hadoopHost(t)
	c := New(Options{Root: w.root})
	before, _ := c.processors()
	w.file("sys/devices/system/cpu/cpu95/online", "0\n")
	w.file("sys/devices/system/cpu/online", "0-94\n")
	after, _ := c.processors()
	if before.Threads != 96 || after.Threads != 95 {
		t.Errorf("got %d then %d threads, want 96 then 95", before.Threads, after.Threads)
	}
}

// children is what the processes that this one waited for have cost: any
// change means that one was started.
func children(t *testing.T) unix.Rusage {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &u); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestStartsNoProgram(t *testing.T) {
	want, _ := Collect(context.Background(), Options{})
	before := children(t)
	t.Setenv("PATH", "")
	f, _ := Collect(context.Background(), Options{})
	Primary()
	if got := children(t); got != before {
		t.Errorf("a program ran: %+v", got)
	}
	if got, want := encode(t, f), encode(t, want); !bytes.Equal(got, want) {
		t.Errorf("without PATH: got %s\nwant %s", got, want)
	}
	if err := exec.Command("/bin/true").Run(); err != nil || children(t) == before {
		t.Errorf("a program that ran was not noticed (%v)", err)
	}
}

func TestSteadyBoot(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	for _, c := range []struct{ previous, now, want time.Time }{
		{time.Time{}, at.Add(59 * time.Second), at},
		{at, at.Add(61 * time.Second), at},
		{at, at.Add(-61 * time.Second), at},
		{at, at.Add(3 * time.Minute), at.Add(3 * time.Minute)},
		{at, at.Add(-time.Hour), at.Add(-time.Hour)},
	} {
		if got := steadyBoot(c.previous, c.now); !got.Equal(c.want) {
			t.Errorf("steadyBoot(%v, %v) = %v, want %v", c.previous, c.now, got, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	w := tree{t, t.TempDir()}
	var mounts strings.Builder
	for i := range mountsMax + 10 {
		fmt.Fprintf(&mounts, "1 1 0:%d / /m%04d rw - nfs nas:/%d rw\n", i, i, i)
	}
	w.file("proc/self/mountinfo", mounts.String())
	for i := range disksMax + 1 {
		w.disk("virtual", fmt.Sprintf("vd%03d", i), fmt.Sprintf("9:%d", i), 8, map[string]string{"device/serial": strings.Repeat("é", 200) + "\xff"}, "")
	}
	c := New(Options{Root: w.root})
	c.far = newProbe(func(string) (usage, error) { return usage{}, nil })
	f, errs := c.Collect(context.Background())
	if len(f.Mounts) != mountsMax || len(f.Disks) != disksMax {
		t.Errorf("got %d mounts, %d disks", len(f.Mounts), len(f.Disks))
	}
	if got := f.Disks[0].Serial; got != strings.Repeat("é", textMax/2) {
		t.Errorf("got serial %q", got)
	}
	all := errors.Join(errs...).Error()
	for _, limit := range []string{"only the first 512", "only the first 256"} {
		if !strings.Contains(all, limit) {
			t.Errorf("%q is not in %q", limit, all)
		}
	}
}

func benchmark(b *testing.B, c *Collector) {
	var before, after unix.Rusage
	c.Collect(context.Background())
	unix.Getrusage(unix.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		c.Collect(context.Background())
	}
	unix.Getrusage(unix.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/1e6/float64(b.N), "cpu-ms/op")
}

func BenchmarkCollect(b *testing.B) {
	b.Run("machine", func(b *testing.B) { benchmark(b, New(Options{})) })
	b.Run("hadoop", func(b *testing.B) { benchmark(b, hadoopCollector(b)) })
	b.Run("hadoop-first", func(b *testing.B) {
		root := hadoopHost(b).root
		b.ReportAllocs()
		for b.Loop() {
			Collect(context.Background(), Options{Root: root})
		}
	})
}
