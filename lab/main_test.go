//go:build linux

package lab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

var (
	must  = flag.Bool("lab", false, "fail, do not skip, where the lab cannot run; so does the environment variable CI")
	yodel = flag.String("yodel", "", "the yodel to run; default: one that is built from this source")
)

// labs are those that are open, for the end of the tests or a Ctrl-C.
var labs struct {
	sync.Mutex
	open  []*Lab
	count int
}

func TestMain(m *testing.M) {
	flag.Parse()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		fmt.Fprintln(os.Stderr, "lab: interrupted; removing what was made")
		cleanUp()
		os.Exit(130)
	}()
	code := m.Run()
	if !cleanUp() && code == 0 {
		code = 1
	}
	os.Exit(code)
}

func cleanUp() (ok bool) {
	labs.Lock()
	defer labs.Unlock()
	var errs []error
	for _, l := range labs.open {
		errs = append(errs, l.Close())
	}
	if built.dir != "" {
		errs = append(errs, os.RemoveAll(built.dir))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "lab: clean up:", err)
		return false
	}
	return true
}

// built is the program that all labs run.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// program builds yodel once.
func program() (string, error) {
	built.once.Do(func() {
		if built.err = Sweep(); built.err != nil {
			return
		}
		if *yodel != "" {
			built.path, built.err = filepath.Abs(*yodel)
			return
		}
		if built.dir, built.err = os.MkdirTemp("", fmt.Sprintf("%s%d-program-", prefix, os.Getpid())); built.err != nil {
			return
		}
		if built.err = os.Chmod(built.dir, 0o755); built.err != nil { // some programs run as nobody
			return
		}
		built.path = filepath.Join(built.dir, "yodel")
		cmd := exec.Command("go", "build", "-trimpath", "-o", built.path, "..")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build yodel: %w\n%s", err, out)
		}
	})
	return built.path, built.err
}

// possible ends the test where no lab can run: quietly on a machine that lacks
// something, with a failure where the lab was asked for.
func possible(t *testing.T, tools ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("the lab takes minutes")
	}
	var why string
	if os.Getuid() != 0 {
		why = "the lab needs root"
	}
	for _, tool := range append([]string{"ip", "nft", "unshare"}, tools...) {
		if _, err := exec.LookPath(tool); err != nil {
			why = fmt.Sprintf("the lab needs %s: %v", tool, err)
		}
	}
	switch {
	case why == "":
	case *must || os.Getenv("CI") != "":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// newLab makes a lab that lasts as long as the test.
func newLab(t *testing.T, hosts int) *Lab {
	t.Helper()
	possible(t)
	l := openLab(t, hosts)
	t.Cleanup(func() {
		if t.Failed() {
			tails(t, l.Hosts)
		}
		if err := l.Close(); err != nil {
			t.Error("clean up:", err)
		}
	})
	return l
}

func openLab(t *testing.T, hosts int) *Lab {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	labs.Lock()
	defer labs.Unlock() // a Ctrl-C waits until it is known
	labs.count++
	l, err := New(path, labs.count, hosts)
	if err != nil {
		t.Fatal(err)
	}
	labs.open = append(labs.open, l)
	return l
}

func tails(t *testing.T, hosts []*Host) {
	for _, h := range hosts[:min(len(hosts), 4)] {
		if text := h.Tail(15); text != "" {
			t.Logf("the log of %s ends:\n%s", h.Name, text)
		}
	}
}

// start starts the agents of hosts, and waits until they are one mesh.
func start(t *testing.T, hosts []*Host) {
	t.Helper()
	for _, h := range hosts {
		ok(t, h.Start())
	}
	within(t, joinBudget, fmt.Sprintf("%d hosts are one mesh", len(hosts)), hosts, func() error { return whole(hosts) })
}

// joinBudget is the time for all to join, start of the agents included.
const joinBudget = 20 * time.Second

// whole is nil if all of the hosts take each other for alive and believe the same.
func whole(hosts []*Host) error {
	for _, h := range hosts {
		if err := Status(hosts[:1], h.Name, catalog.Alive); err != nil {
			return err
		}
	}
	return Equal(hosts)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within asks again and again, on all hosts that it is given in mind, until
// there is no complaint. Past the budget the test has failed; it asks on for a
// while, so that the log tells how late it was. It says how long it took.
func within(t *testing.T, budget time.Duration, what string, hosts []*Host, ask func() error) time.Duration {
	t.Helper()
	took := quiet(t, budget, what, hosts, ask)
	t.Logf("%-68s %8s of %s", what, took.Round(time.Millisecond), budget)
	return took
}

// quiet is within without a line in the log of what went well.
func quiet(t *testing.T, budget time.Duration, what string, hosts []*Host, ask func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := ask()
		took := time.Since(begin)
		if err == nil {
			if took > budget {
				t.Errorf("%s: took %s, budget %s", what, took.Round(time.Millisecond), budget)
			}
			return took
		}
		for _, h := range hosts {
			ok(t, h.Crashed())
		}
		if took > 2*budget+5*time.Second {
			t.Fatalf("%s: not within %s: %v", what, took.Round(time.Millisecond), err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// holds asks again and again for a time, and fails at the first complaint.
func holds(t *testing.T, duration time.Duration, what string, hosts []*Host, ask func() error) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < duration; time.Sleep(50 * time.Millisecond) {
		if err := ask(); err != nil {
			t.Fatalf("%s: after %s: %v", what, time.Since(begin).Round(time.Millisecond), err)
		}
		for _, h := range hosts {
			ok(t, h.Crashed())
		}
	}
}

// without are the hosts that are not among some.
func without(hosts []*Host, some ...*Host) []*Host {
	var out []*Host
next:
	for _, h := range hosts {
		for _, s := range some {
			if h == s {
				continue next
			}
		}
		out = append(out, h)
	}
	return out
}
