package checks

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func shell(script string) Definition {
	return Definition{ID: "s", Args: []string{"/bin/sh", "-c", script}, Interval: time.Second}.settled()
}

// look runs a probe under a timeout.
func look(t testing.TB, p Probe, timeout time.Duration) (Status, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return p(ctx)
}

func TestScriptStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		script string
		status Status
		output string
	}{
		{"echo fine", Passing, "fine\n"},
		{"echo hm >&2; exit 1", Warning, "hm\n"},
		{"echo no; exit 2", Critical, "no\n"},
		{"exit 3", Critical, ""},
		{"kill -9 $$", Critical, "signal: killed"},
		{"echo last words; kill -9 $$", Critical, "last words\n\nsignal: killed"},
		{"read x; echo \"read $?\"", Passing, "read 1\n"}, // no input, and no terminal
	} {
		status, output := look(t, scriptProbe(shell(tt.script)), 10*time.Second)
		if status != tt.status || output != tt.output {
			t.Errorf("%s: got %s %q, want %s %q", tt.script, status, output, tt.status, tt.output)
		}
	}
	for _, args := range [][]string{{"/no/such/program"}, {t.TempDir()}, {os.DevNull}} {
		d := shell("")
		d.Args = args
		status, output := look(t, scriptProbe(d), 10*time.Second)
		if status != Critical || !strings.Contains(output, args[0]) {
			t.Errorf("%q: got %s %q", args, status, output)
		}
	}
}

func TestScriptOutputIsBounded(t *testing.T) {
	t.Parallel()
	d := shell("yes | head -c 3000000; echo; echo the end")
	status, output := look(t, scriptProbe(d), 20*time.Second)
	if want := "Captured 4096 of 3000009 bytes\n...\n"; status != Passing || !strings.HasPrefix(output, want) {
		t.Errorf("got %s %.60q", status, output)
	}
	if !strings.HasSuffix(output, "the end\n") || len(output) > 4096+50 {
		t.Errorf("got %d bytes that end with %q", len(output), output[len(output)-10:])
	}
}

func TestScriptEnvironment(t *testing.T) {
	got := scriptEnv([]string{"PATH=/bin", "YODEL_HTTP_TOKEN=secret", "NOTIFY_SOCKET=/x", "A=b=c"}, "YODEL_CHECK_RUN=1")
	if want := "PATH=/bin A=b=c YODEL_CHECK_RUN=1"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	t.Setenv("YODEL_TOKEN", "secret")
	t.Setenv("OTHER", "inherited")
	if _, output := look(t, scriptProbe(shell("echo $YODEL_TOKEN$OTHER")), 10*time.Second); output != "inherited\n" {
		t.Errorf("got %q", output)
	}
}

// gone fails unless each process that the script wrote to file has ended and,
// as a child of ours, has been waited for.
func gone(t testing.TB, file string, want int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatal(err)
		}
		// A process that lost its parent is waited for by init, in its own time.
		for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			k, ok := readKinsman(pid)
			if !ok || k.state == 'Z' && k.parent != os.Getpid() {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("process %d is still there: %+v", pid, k)
				break
			}
		}
	}
	if n != want {
		t.Errorf("the script wrote %d process numbers, want %d", n, want)
	}
}

// Whatever a late script has made ends with it: children in its group, those
// that ignore SIGTERM, those in sessions of their own, and those that lost
// their parent before.
func TestLateScriptLeavesNothing(t *testing.T) {
	t.Parallel()
	const stay = "sleep 1000"
	for _, tt := range []struct {
		name, script string
		processes    int
	}{
		{"plain", "echo $$ >>F; " + stay, 1},
		{"children", "echo $$ >>F; " + stay + " & echo $! >>F; " + stay + " & echo $! >>F; wait", 3},
		{"deaf", "trap '' TERM; echo $$ >>F; while :; do sleep 0.1; done", 1},
		{"deaf child", "(trap '' TERM; exec sh -c 'echo $$ >>F; while :; do sleep 0.1; done') & echo $$ >>F; " + stay, 2},
		{"session", "setsid sh -c 'echo $$ >>F; " + stay + "' & echo $$ >>F; wait", 2},
		{"deaf session", "setsid sh -c 'trap \"\" TERM; echo $$ >>F; while :; do sleep 0.1; done' & echo $$ >>F; wait", 2},
		{"orphan in a session", "(setsid sh -c 'echo $$ >>F; " + stay + "' &); sleep 0.2; echo $$ >>F; " + stay, 2},
		{"orphan of a session's orphan", "setsid sh -c '(setsid sh -c \"echo \\$\\$ >>F; " + stay + "\" &) ; echo $$ >>F; " + stay + "' & wait", 2},
		{"child without environment", "setsid env -i /bin/sh -c 'echo $$ >>F; sleep 1000' & echo $$ >>F; wait", 2},
		{"leader stopped", "echo $$ >>F; kill -STOP $$; " + stay, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pids")
			begin := time.Now()
			status, _ := look(t, scriptProbe(shell(strings.ReplaceAll(tt.script, "F", file))), 700*time.Millisecond)
			if status != Critical {
				t.Errorf("got %s", status)
			}
			if took := time.Since(begin); took > 700*time.Millisecond+overrun {
				t.Errorf("took %s", took)
			}
			gone(t, file, tt.processes)
		})
	}
}

func TestScriptInTimeLeavesNothingInItsGroup(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	begin := time.Now()
	status, output := look(t, scriptProbe(shell("sleep 1000 & echo $! >"+file+"; echo done")), 20*time.Second)
	if status != Passing || output != "done\n" || time.Since(begin) > 20*time.Second {
		t.Errorf("got %s %q after %s", status, output, time.Since(begin))
	}
	gone(t, file, 1)
}

// A daemon that escaped holds the pipe open; the result must not wait for it.
func TestEscapedDaemonDoesNotHang(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	begin := time.Now()
	status, output := look(t, scriptProbe(shell("setsid sh -c 'echo $$ >"+file+"; exec sleep 1000' & while [ ! -s "+file+" ]; do sleep 0.01; done; echo done; exit 1")), 20*time.Second)
	if status != Warning || output != "done\n" || time.Since(begin) > 20*time.Second {
		t.Errorf("got %s %q after %s", status, output, time.Since(begin))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	if k, ok := readKinsman(pid); !ok || k.state == 'Z' {
		t.Error("a daemon in a session of its own was ended although the script was in time")
	}
	newFamily(pid, "none=").end(0)
	gone(t, file, 1)
}

func TestLateScriptThroughTheRunner(t *testing.T) {
	t.Parallel()
	b := &book{}
	told := make(chan Result, 10)
	r := NewRunner(Config{AllowScripts: true, Report: func(id string, res Result) { b.report(id, res); told <- res }})
	defer r.Close()
	d := shell("echo begun; sleep 1000")
	d.Timeout = 300 * time.Millisecond
	mustPut(t, r, d)
	r.Run("s")
	if res := <-told; res.Status != Critical || res.Output != "timed out after 300ms: begun\n" {
		t.Errorf("got %+v", res)
	}
}

func TestCloseEndsRunningScripts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	b := &book{}
	r := NewRunner(Config{AllowScripts: true, Report: b.report})
	for i := range 5 {
		d := shell("trap '' TERM; echo $$ >>" + file + "; while :; do sleep 0.1; done")
		d.ID = fmt.Sprint(i)
		mustPut(t, r, d)
		r.Run(d.ID)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if b, _ := os.ReadFile(file); strings.Count(string(b), "\n") == 5 {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the scripts did not begin")
		}
	}
	begin := time.Now()
	r.Close()
	if took := time.Since(begin); took > overrun {
		t.Errorf("close took %s", took)
	}
	if len(b.results) != 0 {
		t.Errorf("a result of an ended run was told: %+v", b.results)
	}
	gone(t, file, 5)
}

// A process that the kernel does not let die, here frozen in a cgroup (version
// 1, where SIGKILL waits for the thaw; a dead NFS server does the same), is
// reported, not waited for, and not started a second time.
func TestUnkillableScript(t *testing.T) {
	t.Parallel()
	group, err := os.MkdirTemp("/sys/fs/cgroup/freezer", "yodel-test-")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root and a cgroup v1 freezer: ", err)
		}
		t.Skip("needs root and a cgroup v1 freezer: ", err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(group, file), []byte(text), 0); err != nil {
			t.Error(err)
		}
	}
	defer func() {
		for range 100 {
			if err = os.Remove(group); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error(err)
	}()
	defer write("freezer.state", "THAWED")
	file := filepath.Join(t.TempDir(), "pids")
	told := make(chan Result, 10)
	r := NewRunner(Config{AllowScripts: true, Report: func(id string, res Result) { told <- res }})
	d := shell("echo $$ >>" + file + "; echo $$ >" + group + "/cgroup.procs; echo FROZEN >" + group + "/freezer.state; exit 0")
	d.Timeout = time.Second
	mustPut(t, r, d)
	r.Run("s")
	if res := <-told; res.Output != "timed out after 1s: and does not end" {
		t.Errorf("got %+v", res)
	}
	r.Run("s")
	if res := <-told; !strings.Contains(res.Output, "not starting another") {
		t.Errorf("got %+v", res)
	}
	begin := time.Now()
	r.Close()
	if took := time.Since(begin); took > 2*overrun {
		t.Errorf("close took %s", took)
	}
	write("freezer.state", "THAWED")
	gone(t, file, 1)
}
