//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// clockVariable moves the wall clock of an agent that is built by skewed.
const clockVariable = "LAB_CLOCK_AHEAD_SECONDS"

// skewed builds yodel with a wall clock that an environment variable moves.
// A host of the lab has no clock of its own (time namespaces leave the wall
// clock alone), so the one change is in the program's copy of package time.
func skewed(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	ok(t, err)
	path := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	source, err := os.ReadFile(path)
	ok(t, err)
	const line = "	sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), line) == 0 {
		t.Fatalf("%s is not as this test knows it: no %q", path, line)
	}
	text := strings.Replace(string(source), line, line+"	sec += aheadSeconds\n", 1) + `
// aheadSeconds is how far this program's wall clock is ahead of the machine's.
var aheadSeconds = func() (n int64) {
	text, _ := syscall.Getenv("` + clockVariable + `")
	for _, digit := range text {
		if digit != '-' {
			n = n*10 + int64(digit-'0')
		}
	}
	if len(text) > 0 && text[0] == '-' {
		n = -n
	}
	return n
}()
`
	text = strings.Replace(text, "import (\n", "import (\n\t\"syscall\"\n", 1)
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "time.go"), []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "time.go")}})
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program := filepath.Join(dir, "yodel")
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build yodel with another clock: %v\n%s", err, out)
	}
	return program
}

// TestAClockThatIsFarOff: nothing is ordered by time, so a host whose clock is
// a year ahead or behind is a member like any other. It is told of its clock.
func TestAClockThatIsFarOff(t *testing.T) {
	possible(t)
	program := skewed(t)
	const year = 365 * 24 * 3600
	for _, ahead := range []int{year, -year} {
		t.Run(fmt.Sprintf("by %d days", ahead/24/3600), func(t *testing.T) {
			l := newLab(t, 6)
			odd, gone, rest := l.Hosts[5], l.Hosts[4], l.Hosts[:4]
			odd.Program, odd.Env = program, []string{fmt.Sprintf("%s=%d", clockVariable, ahead)}
			start(t, l.Hosts)
			ok(t, odd.Register("odd"))
			ok(t, rest[3].Register("even"))
			within(t, 2*time.Second, "changes arrive both ways", l.Hosts, func() error {
				return errors.Join(answer(l.Hosts, "odd.service.yodel", []*Host{odd}), answer(l.Hosts, "even.service.yodel", rest[3:]),
					resolve(l.Hosts, l.Hosts))
			})
			here := append(rest[:4:4], odd)
			gone.Kill()
			within(t, failBudget, "a killed host is failed for all, and its name stays", here, func() error {
				return errors.Join(Status(here, gone.Name, catalog.Failed), resolve(here, []*Host{gone}))
			})
			within(t, 20*time.Second, "the one whose clock is off says so, with what to do", here, func() error {
				if !strings.Contains(odd.Log(), "the clock of this host is off") {
					return errors.New("it does not")
				}
				return nil
			})
			m, err := odd.Metrics()
			ok(t, err)
			if got := m["yodel_clock_offset_seconds"]; got < float64(ahead-5) || got > float64(ahead+5) {
				t.Errorf("yodel_clock_offset_seconds is %v, want %d", got, ahead)
			}
			ok(t, odd.Stop())
			ok(t, odd.Start())
			rejoined(t, returnBudget, "restarted, it is back", here, odd, func() error { return resolve(here, l.Hosts) })
			for _, h := range rest {
				if strings.Contains(h.Log(), "the clock of this host is off") {
					t.Errorf("%s took its own clock for the wrong one", h.Name)
				}
			}
		})
	}
}
