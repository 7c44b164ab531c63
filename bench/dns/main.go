// Command dns measures what an answer costs: our server against CoreDNS, the
// classic servers that are installed, and a UDP echo in C, on the same data and
// questions. The figure is CPU time of the server's processes per answer, from
// the kernel's accounting, because wall-clock rates on a shared machine lie.
// Runs are interleaved; what counts is the median over the rounds of the ratio
// within a round.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		changes, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = serve(os.Args[2], changes)
		}
		exit(err)
		return
	}
	var b bench
	flag.IntVar(&b.rounds, "rounds", 31, "interleaved rounds")
	flag.IntVar(&b.total, "questions", 50_000, "questions of a saturating run")
	flag.DurationVar(&b.paced, "paced", time.Second, "length of a run at the paced rate")
	flag.IntVar(&b.rate, "rate", 5000, "questions a second of a paced run")
	only := flag.String("only", "", "comma-separated servers (default all)")
	strict := flag.Bool("strict", true, "exit 1 if a target is missed")
	flag.Parse()
	exit(b.run(*only, *strict))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench dns:", err)
		os.Exit(1)
	}
}

type bench struct {
	rounds, total, rate int
	paced               time.Duration
	servers             []*server
	results             map[string]*result
	questions           [][]byte
}

// A result has one figure per round.
type result struct {
	busy  []time.Duration // server CPU per answer, saturated
	calm  []time.Duration // server CPU per answer at the paced rate
	p50   []time.Duration // of a paced run
	p99   []time.Duration
	load  []time.Duration // generator CPU per answer, saturated
	rate  []float64       // answers per second, saturated
	rcode [16]int
}

func (b *bench) run(only string, strict bool) error {
	dir, err := os.MkdirTemp("", "yodel-bench-dns-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.questions, b.results = mix(), map[string]*result{}
	defer func() {
		for _, s := range b.servers {
			s.stop()
		}
	}()
	for _, r := range recipes {
		if only != "" && !slices.Contains(strings.Split(only, ","), r.name) {
			continue
		}
		s, err := launch(r, dir)
		if errors.Is(err, errNotInstalled) {
			fmt.Fprintf(os.Stderr, "%s: not installed, left out\n", r.name)
			continue
		}
		if err != nil {
			return fmt.Errorf("start %s: %w", r.name, err)
		}
		b.servers = append(b.servers, s)
		b.results[r.name] = &result{}
	}
	for round := range b.rounds + 1 {
		for i := range b.servers {
			s := b.servers[(i+round)%len(b.servers)]
			if err := b.measure(s, round > 0); err != nil {
				return fmt.Errorf("measure %s: %w", s.name, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round, b.rounds)
	}
	return b.report(strict)
}

// measure runs one server once each way; the first round only warms up.
func (b *bench) measure(s *server, keep bool) error {
	before, err := s.cpu()
	if err != nil {
		return err
	}
	own, start := ownCPU(), time.Now()
	t, err := saturate(s.addr, b.questions, b.total)
	if err != nil {
		return err
	}
	load, took := ownCPU()-own, time.Since(start)
	busy, err := s.cpu()
	if err != nil {
		return err
	}
	n := int(b.paced.Seconds() * float64(b.rate))
	waits, err := pace(s.addr, b.questions, b.rate, n)
	if err != nil {
		return err
	}
	calm, err := s.cpu()
	if err != nil || !keep {
		return err
	}
	r := b.results[s.name]
	r.busy = append(r.busy, (busy-before)/time.Duration(t.answers))
	r.load = append(r.load, load/time.Duration(t.answers))
	r.rate = append(r.rate, float64(t.answers)/took.Seconds())
	r.calm = append(r.calm, (calm-busy)/time.Duration(n))
	r.p50 = append(r.p50, waits[n/2])
	r.p99 = append(r.p99, waits[n*99/100])
	for i := range t.rcodes {
		r.rcode[i] += t.rcodes[i]
	}
	return nil
}

func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A target is a bound on the ratio of one of our figures to another server's.
type target struct {
	ours, other string
	most        float64
	figure      func(*result) []time.Duration
	what        string
}

func busy(r *result) []time.Duration { return r.busy }
func p99(r *result) []time.Duration  { return r.p99 }

func targets() []target {
	var out []target
	for _, ours := range []string{"yodel", "yodel+50"} {
		out = append(out,
			target{ours, "coredns", 0.25, busy, "CPU per answer"},
			target{ours, "knot", 1, busy, "CPU per answer"},
			target{ours, "nsd", 1, busy, "CPU per answer"},
			target{ours, "unbound", 1, busy, "CPU per answer"},
			target{ours, "echo", 1.25, busy, "CPU per answer"},
			target{ours, "coredns", 1, p99, "p99 when paced"},
		)
	}
	return out
}

func (b *bench) report(strict bool) error {
	fmt.Printf("\n%d cores, %s, %s, %s/%s\n", runtime.NumCPU(), cpuModel(), kernel(), runtime.GOOS, runtime.GOARCH)
	fmt.Printf("%d rounds; saturated: %d questions, %d out at a time; paced: %d/s for %s\n\n", b.rounds, b.total, sockets*window, b.rate, b.paced)
	fmt.Println("| server | version | CPU/answer µs, saturated | of generator | answers/s | CPU/answer µs, paced | p50 µs, paced | p99 µs, paced | rcodes |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, s := range b.servers {
		r := b.results[s.name]
		fmt.Printf("| %s | %s | %s | %s | %.0f | %s | %s | %s | %s |\n", s.name, s.version, micros(median(r.busy)), micros(median(r.load)),
			median(r.rate), micros(median(r.calm)), micros(median(r.p50)), micros(median(r.p99)), rcodes(r.rcode))
	}
	fmt.Println("\n| figure | ratio | median | rounds | target | |")
	fmt.Println("|---|---|---|---|---|---|")
	missed := 0
	for _, t := range targets() {
		ours, other := b.results[t.ours], b.results[t.other]
		if ours == nil || other == nil {
			continue
		}
		ratios := ratios(t.figure(ours), t.figure(other))
		m, verdict := median(ratios), "met"
		if m > t.most {
			verdict = "MISSED"
			missed++
		}
		fmt.Printf("| %s | %s / %s | %.2f | %.2f to %.2f | at most %.2f | %s |\n", t.what, t.ours, t.other, m, slices.Min(ratios), slices.Max(ratios), t.most, verdict)
	}
	if missed > 0 && strict {
		return fmt.Errorf("%d targets missed", missed)
	}
	return nil
}

func ratios(a, b []time.Duration) []float64 {
	var out []float64
	for i := range a {
		out = append(out, float64(a[i])/float64(max(b[i], 1)))
	}
	return out
}

func median[T time.Duration | float64](s []T) T {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

func micros(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1000) }

func rcodes(n [16]int) string {
	names := map[int]string{0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
	total := 0
	for _, k := range n {
		total += k
	}
	var out []string
	for i, k := range n {
		if k > 0 {
			out = append(out, fmt.Sprintf("%s %.1f %%", names[i], 100*float64(k)/float64(total)))
		}
	}
	return strings.Join(out, ", ")
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return "unknown CPU"
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown kernel"
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return "Linux " + release
}
