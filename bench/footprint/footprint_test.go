package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
)

func TestParseStat(t *testing.T) {
	const fields = "S 1 2 3 4 5 6 7 8 9 10 %s 0 0 20 0 9"
	for stat, want := range map[string]time.Duration{
		"77 (yodel) " + strings.Replace(fields, "%s", "150 31", 1):  1810 * time.Millisecond,
		"77 (a) b (c)) " + strings.Replace(fields, "%s", "0 1", 1):  10 * time.Millisecond,
		"77 (yodel) " + strings.Replace(fields, "%s", "many 31", 1): -1,
		"77 (yodel) S 1 2": -1,
		"":                 -1,
	} {
		got, err := parseStat([]byte(stat))
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: got %v, %v; want %v", stat, got, err, want)
		}
	}
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func TestParseStatus(t *testing.T) {
	var s sample
	s.parseStatus([]byte("Name:\tVmRSS\nVmHWM:\t   61824 kB\nVmRSS:\t   48840 kB\nRssAnon:\t   25900 kB\nRssFile:\t 22940 kB\nRssShmem:\t 0 kB\n"))
	if want := (sample{rss: 48840 << 10, anon: 25900 << 10, file: 22940 << 10, most: 61824 << 10}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	const switches = "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
	if a, b := number([]byte("x\n"+switches), "\nvoluntary_ctxt_switches:"), number([]byte(switches), "nonvoluntary_ctxt_switches:"); a != 12 || b != 3 {
		t.Errorf("got %d and %d switches", a, b)
	}
	if number([]byte("VmRSS:"), "VmRSS:") != 0 || number(nil, "VmRSS:") != 0 {
		t.Error("a number from nothing")
	}
}

// The filter passes packets from and to the agents, and no others.
func TestFilter(t *testing.T) {
	w := &wire{count: map[netip.Addr]*traffic{netip.MustParseAddr("127.1.1.5"): {}, netip.MustParseAddr("127.1.1.6"): {}}}
	filter, err := w.filter()
	if err != nil {
		t.Fatal(err)
	}
	var program []bpf.Instruction
	for _, f := range filter {
		program = append(program, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}.Disassemble())
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		pass     bool
	}{
		{"127.1.1.5", "127.1.0.1", true}, {"127.1.0.1", "127.1.1.6", true}, {"127.1.1.5", "127.1.1.6", true}, {"127.1.0.1", "127.1.0.2", false},
	} {
		packet := make([]byte, 28)
		from, to := netip.MustParseAddr(c.from).As4(), netip.MustParseAddr(c.to).As4()
		copy(packet[12:], from[:])
		copy(packet[16:], to[:])
		if n, err := vm.Run(packet); err != nil || n > 0 != c.pass {
			t.Errorf("from %s to %s: %d bytes pass, %v", c.from, c.to, n, err)
		}
	}
}

func TestReport(t *testing.T) {
	at := time.Now()
	of := func(name string, rss uint64, cpu time.Duration) result {
		return result{name: name, before: sample{at: at}, after: sample{at: at.Add(100 * time.Second), rss: rss, cpu: cpu}}
	}
	for _, c := range []struct {
		r    result
		want string // "": met
	}{
		{of("yodel agent", memoryGoal-1, 900*time.Millisecond), ""},
		{of("yodel agent", memoryGoal, 900*time.Millisecond), "40.0 MB resident"},
		{of("yodel agent", 1, time.Second), "1.00 % of a core"},
		{of("serf agent", 2*memoryGoal, 5*time.Second), ""}, // has no goals
	} {
		var out strings.Builder
		b := bench{yodel: "/nonexistent", strict: true, results: []result{c.r}}
		err := b.report(&out)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.r, err, c.want)
		}
		if !strings.Contains(out.String(), c.r.row()) {
			t.Errorf("no row %s in\n%s", c.r.row(), out.String())
		}
		b.strict = false
		if err := b.report(&out); err != nil {
			t.Errorf("not strict: %v", err)
		}
	}
}

// What a host of the crowd says is what the catalog gives back.
func TestHadoopHost(t *testing.T) {
	n := fleet(t, 5, hadoopHost).View().Node("worker003.hadoop.example.net")
	if n == nil || len(n.Facts.Facts().Disks) != disksPerHost+2 || len(n.Facts.Facts().Mounts) != disksPerHost+1 || len(n.Services) == 0 || len(n.Checks) == 0 {
		t.Errorf("got %+v", n)
	}
}
