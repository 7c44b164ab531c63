package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newRunner(t *testing.T) Runner {
	t.Helper()
	return Runner{Dir: t.TempDir(), Helper: []string{"yodel", "job-helper"}, grace: time.Second}
}

// here is an order for this host, by its own user.
func here(t *testing.T, command ...string) Order {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	o := plain()
	o.ID, o.User, o.Command = NewID(time.Now()), me.Username, command
	return o
}

func shell(t *testing.T, script string, args ...string) Order {
	return here(t, append([]string{"/bin/sh", "-c", script, "sh"}, args...)...)
}

// contents serves contents by their hash.
type contents map[Hash]string

func (c contents) open(h Hash) (io.ReadCloser, error) {
	text, ok := c[h]
	if !ok {
		return nil, errors.New("nobody has it")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (c contents) add(text string) (Hash, int64) {
	h := Hash(sha256.Sum256([]byte(text)))
	c[h] = text
	return h, int64(len(text))
}

func start(t *testing.T, r Runner, o Order, c contents) *Run {
	t.Helper()
	run, err := r.Prepare(o, c.open)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Go(); err != nil {
		t.Fatal(err)
	}
	return run
}

func carryOut(t *testing.T, r Runner, o Order, c contents) (Result, string, string) {
	t.Helper()
	result, err := start(t, r, o, c).Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, stderr := outputs(t, r, o.ID)
	return result, out, stderr
}

func outputs(t *testing.T, r Runner, id ID) (stdout, stderr string) {
	t.Helper()
	f, err := r.Output(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out, errs bytes.Buffer
	for {
		frame, err := ReadFrame(f)
		if err == io.EOF {
			return out.String(), errs.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch frame.Stream {
		case Stdout:
			out.Write(frame.Bytes)
		case Stderr:
			errs.Write(frame.Bytes)
		case Cut:
			fmt.Fprintf(&out, "<%d>", frame.Lost)
		}
	}
}

// signalsOf prints which of the signals 1 to 31 are blocked and ignored. Those
// above are the C library's own, and make leaves two of them ignored.
const signalsOf = `for s in SigBlk SigIgn; do echo $s $(( 0x$(grep $s /proc/self/status | cut -f2) & 0x7fffffff )); done`

func TestRunEnds(t *testing.T) {
	r := newRunner(t)
	order := func(o Order, change func(*Order)) Order {
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		order       Order
		want        Outcome
		code        int
		out, stderr string
		why         string
	}{
		"true":            {order: here(t, "true"), want: OK},
		"false":           {order: here(t, "/bin/false"), want: Failed, code: 1},
		"a code":          {order: shell(t, "exit 42"), want: Failed, code: 42},
		"a signal":        {order: shell(t, "kill -9 $$"), want: Failed, code: 137, why: "ended by SIGKILL"},
		"both streams":    {order: shell(t, "echo out; echo err >&2; echo out"), want: OK, out: "out\nout\n", stderr: "err\n"},
		"no such":         {order: here(t, "no-such-program"), want: Failed, code: 127, why: "start no-such-program: executable file not found"},
		"not to be run":   {order: here(t, "/etc/passwd"), want: Failed, code: 126, why: "permission denied"},
		"nowhere":         {order: order(here(t, "true"), func(o *Order) { o.Cwd = "/nowhere" }), want: Failed, code: 127, why: "start in /nowhere"},
		"somewhere":       {order: order(here(t, "pwd"), func(o *Order) { o.Cwd = "/usr" }), want: OK, out: "/usr\n"},
		"arguments":       {order: shell(t, `printf '%s|' "$@"`, "a b", "", "ü\n", "$HOME"), want: OK, out: "a b||ü\n|$HOME|"},
		"environment":     {order: order(shell(t, `echo "$X-$PATH-${NOTIFY_SOCKET-none}"`), func(o *Order) { o.Env = map[string]string{"X": "1"} }), want: OK, out: "1-" + defaultPath + "-none\n"},
		"its path":        {order: order(here(t, "true"), func(o *Order) { o.Env = map[string]string{"PATH": "/nowhere"} }), want: Failed, code: 127},
		"no input":        {order: here(t, "cat"), want: OK},
		"nice":            {order: order(shell(t, "nice"), func(o *Order) { o.Nice = 7 }), want: OK, out: "7\n"},
		"its own session": {order: shell(t, `test $(cut -d' ' -f6 /proc/self/stat) = $$ && echo leads`), want: OK, out: "leads\n"},
		"signals":         {order: shell(t, signalsOf), want: OK, out: "SigBlk 0\nSigIgn 0\n"},
		"no descriptors":  {order: shell(t, `ls /proc/self/fd | tr '\n' ' '`), want: OK, out: "0 1 2 3 "}, // 3 is of ls itself
		"cut":             {order: order(shell(t, "printf 0123456789; printf abcdefghij"), func(o *Order) { o.OutputMax = 8 }), want: OK, out: "012345<12>ij"},
	} {
		result, out, stderr := carryOut(t, r, c.order, nil)
		if result.Outcome != c.want || result.Code != c.code || out != c.out || stderr != c.stderr || !strings.Contains(result.Why, c.why) {
			t.Errorf("%s: %+v\n%q\n%q", name, result, out, stderr)
		}
		if result.Started.IsZero() || result.Ended.Before(result.Started) || result.Left != 0 {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestRunScript(t *testing.T) {
	r := newRunner(t)
	c := make(contents)
	scripted := func(text string, args ...string) Order {
		o := here(t, args...)
		o.Script = &Script{Name: "x.sh"}
		o.Script.Hash, o.Script.Size = c.add(text)
		return o
	}
	if result, out, _ := carryOut(t, r, scripted("#!/bin/bash\necho \"$# $1\"\nexit 3\n", "a b"), c); result.Code != 3 || out != "1 a b\n" {
		t.Errorf("%+v %q", result, out)
	}
	if result, out, _ := carryOut(t, r, scripted("echo plain $1\n", "x"), c); result.Outcome != OK || out != "plain x\n" {
		t.Errorf("without #!: %+v %q", result, out)
	}
	o := scripted("#!/bin/sh\n")
	c[o.Script.Hash] = "#!/bin/sh\nrm -rf /\n"
	if _, err := r.Prepare(o, c.open); causeOf(err) != Impossible || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("another script: %v", err)
	}
	delete(c, o.Script.Hash)
	if _, err := r.Prepare(o, c.open); causeOf(err) != Impossible || !strings.Contains(err.Error(), "nobody has it") {
		t.Errorf("no script: %v", err)
	}
	if _, err := os.Stat(r.spool(o.ID)); !os.IsNotExist(err) {
		t.Errorf("a refused run left its spool: %v", err)
	}
}

func TestRunPutsFiles(t *testing.T) {
	r, c, dir := newRunner(t), make(contents), t.TempDir()
	o := here(t, "cat", filepath.Join(dir, "a"))
	for _, name := range []string{"a", "b"} {
		f := File{Path: filepath.Join(dir, name), Mode: 0o640}
		f.Hash, f.Size = c.add("content of " + name)
		o.Put = append(o.Put, f)
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	result, out, _ := carryOut(t, r, o, c)
	if result.Outcome != OK || out != "content of a" {
		t.Errorf("%+v %q", result, out)
	}
	info, err := os.Stat(filepath.Join(dir, "b"))
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("%v %v", info, err)
	}
	o.ID, o.Put[1].Path = NewID(time.Now()), "/no/such/directory/b"
	if result, out, _ := carryOut(t, r, o, c); result.Outcome != Failed || result.Code != codeCannot || out != "" || !strings.Contains(result.Why, "put /no/such/directory/b: ") {
		t.Errorf("%+v %q", result, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".yodel-put-*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if left, _ := filepath.Glob(filepath.Join(r.spool(o.ID), putFile+"*")); len(left) > 0 {
		t.Errorf("the spool still has %q", left)
	}
}

// As another user, with that user's rights only.
func TestRunAsAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI runs as root")
		}
		t.Skip("needs root")
	}
	r, c := newRunner(t), make(contents)
	o := here(t, "-c")
	o.User, o.Script, o.Command = "nobody", &Script{Name: "who"}, nil
	o.Script.Hash, o.Script.Size = c.add("#!/bin/sh\nid -un; id -Gn; echo $HOME; cat " + r.Dir + "/* 2>&1; pwd\n")
	result, out, _ := carryOut(t, r, o, c)
	if lines := strings.Split(out, "\n"); result.Outcome != OK || lines[0] != "nobody" || lines[1] != "nogroup" || !strings.Contains(lines[3], "ermission denied") {
		t.Errorf("%+v %q", result, out)
	}
	// Files are put with the rights of the user.
	dir := t.TempDir()
	o = here(t, "true")
	o.User, o.Put = "nobody", []File{{Path: filepath.Join(dir, "x"), Mode: 0o644}}
	o.Put[0].Hash, o.Put[0].Size = c.add("x")
	if result, _, _ := carryOut(t, r, o, c); result.Outcome != Failed || !strings.Contains(result.Why, "ermission denied") {
		t.Errorf("%+v", result)
	}
	o = here(t, "true")
	o.User = "no-such-user"
	if _, err := r.Prepare(o, c.open); causeOf(err) != Impossible || !strings.Contains(err.Error(), "there is no user no-such-user on this host") {
		t.Error(err)
	}
}

// sleepers are living processes whose arguments, with a blank between them, hold a
// mark.
func sleepers(mark string) (pids []int) {
	for _, p := range processes() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		if b = bytes.ReplaceAll(b, []byte{0}, []byte{' '}); !p.dead() && bytes.Contains(b, []byte(mark)) && p.pid != os.Getpid() {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// gone waits until there are none; how long is the machine's affair.
func gone(t *testing.T, mark string) {
	t.Helper()
	for range 1000 {
		if len(sleepers(mark)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: left %v", mark, sleepers(mark))
}

// number of seconds to sleep that no other test sleeps.
func nap(t *testing.T) string {
	return fmt.Sprintf("1%d.%d", os.Getpid(), time.Now().UnixNano())
}

// brood is a script with a child, a daemon in a session of its own with another
// environment, and one that is stopped; then it does what is said.
func brood(nap, then string) string {
	return `sleep ` + nap + ` & setsid sh -c 'env -i sleep ` + nap + ` & sleep ` + nap + `' & sleep ` + nap + ` & kill -STOP $!; echo up; ` + then
}

func TestNothingIsLeft(t *testing.T) {
	r := newRunner(t)
	for name, c := range map[string]struct {
		then   string
		change func(*Order)
		cancel bool
		want   Outcome
		code   int
	}{
		"after timeout":     {then: "wait", change: func(o *Order) { o.Timeout = time.Second / 2 }, want: TimedOut, code: 143},
		"that ignores TERM": {then: "trap '' TERM; while :; do sleep 0.1; done", change: func(o *Order) { o.Timeout = time.Second / 2 }, want: TimedOut, code: 137},
		"after cancel":      {then: "wait", cancel: true, want: Cancelled, code: 143},
		"that tidies up":    {then: "trap 'echo tidy; exit 0' TERM; while :; do sleep 0.1; done", cancel: true, want: Cancelled},
		"after success":     {then: "exit 0", want: OK},
		"after failure":     {then: "exit 4", want: Failed, code: 4},
	} {
		t.Run(name, func(t *testing.T) {
			mark := nap(t)
			o := shell(t, brood(mark, c.then))
			if c.change != nil {
				c.change(&o)
			}
			run := start(t, r, o, nil)
			if c.cancel {
				awaitOutput(t, r, o.ID, "up")
				if err := run.Cancel(); err != nil {
					t.Fatal(err)
				}
			}
			result, err := run.Wait(t.Context())
			if err != nil || result.Outcome != c.want || result.Code != c.code {
				t.Errorf("%+v %v", result, err)
			}
			if left := sleepers(mark); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if (c.want == OK || c.want == Failed) && result.Left == 0 {
				t.Errorf("left behind, and not said: %+v", result)
			}
			if err := run.Cancel(); !errors.Is(err, ErrGone) {
				t.Errorf("cancelled when it was over: %v", err)
			}
		})
	}
}

func awaitOutput(t *testing.T, r Runner, id ID, want string) {
	t.Helper()
	for range 1500 {
		if f, err := r.Output(id); err == nil {
			f.Close()
			if out, _ := outputs(t, r, id); strings.Contains(out, want) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no output %q", want)
}

// What is meant to linger does, and is not waited for.
func TestLinger(t *testing.T) {
	r, mark := newRunner(t), nap(t)
	o := shell(t, "sleep "+mark+" & echo up")
	o.Linger = true
	result, out, _ := carryOut(t, r, o, nil)
	if result.Outcome != OK || out != "up\n" || len(sleepers(mark)) != 1 {
		t.Errorf("%+v %q %v", result, out, sleepers(mark))
	}
	for _, pid := range sleepers(mark) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Much output, from both streams at once, is all there and each in order.
func TestMuchOutput(t *testing.T) {
	r := newRunner(t)
	o := shell(t, "seq 1 100000; seq 1 100000 >&2")
	o.OutputMax = OutputMax
	result, out, stderr := carryOut(t, r, o, nil)
	if result.Outcome != OK || out != stderr || !strings.HasSuffix(out, "\n99999\n100000\n") || result.Output != int64(2*len(out)) || result.Cut != 0 {
		t.Errorf("%+v, %d and %d bytes", result, len(out), len(stderr))
	}
	o = shell(t, "head -c 50000000 /dev/zero; echo the end")
	result, out, _ = carryOut(t, r, o, nil)
	if result.Output != 1<<20 || result.Cut != 50000008-1<<20 || !strings.HasSuffix(out, "the end\n") {
		t.Errorf("%+v", result)
	}
}

// A full disk for the output is told, and the job runs to its end.
func TestRunDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip(err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	r := newRunner(t)
	r.Dir = dir
	result, _, _ := carryOut(t, r, shell(t, "head -c 500000 /dev/zero; exit 5"), nil)
	if result.Outcome != Failed || result.Code != 5 || !strings.Contains(result.Why, "no space left on device") || result.Cut == 0 {
		t.Errorf("%+v", result)
	}
	// The next has no room for its end, and is not started.
	if err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 64<<10), 0o600); err == nil {
		t.Fatal("there was room")
	}
	if _, err := r.Prepare(here(t, "true"), nil); causeOf(err) != Impossible || !strings.Contains(err.Error(), "no space left on device") {
		t.Error(err)
	}
}

// A supervisor that is killed takes the command with it, the rest is killed by
// whoever waits, and nobody knows how it ended.
func TestSupervisorIsKilled(t *testing.T) {
	r, mark := newRunner(t), nap(t)
	o := shell(t, strings.Replace(brood(mark, "wait"), "env -i ", "", 1))
	run := start(t, r, o, nil)
	awaitOutput(t, r, o.ID, "up")
	if err := run.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	result, err := run.Wait(t.Context())
	if err != nil || result.Outcome != Lost || result.Left == 0 {
		t.Errorf("%+v %v", result, err)
	}
	gone(t, mark)
}

// The agent may stop waiting, and another may go on.
func TestAttach(t *testing.T) {
	r := newRunner(t)
	o := shell(t, "echo up; sleep 1; exit 9")
	run := start(t, r, o, nil)
	awaitOutput(t, r, o.ID, "up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	other, err := r.Attach(o.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []*Run{other, run} {
		if result, err := run.Wait(t.Context()); err != nil || result.Code != 9 {
			t.Errorf("%+v %v", result, err)
		}
	}
	if late, err := r.Attach(o.ID); err != nil {
		t.Error(err)
	} else if result, err := late.Wait(t.Context()); err != nil || result.Code != 9 {
		t.Errorf("%+v %v", result, err)
	}
	if err := r.Remove(o.ID); err != nil {
		t.Error(err)
	}
	if never, err := r.Attach(o.ID); err != nil {
		t.Error(err)
	} else if result, err := never.Wait(t.Context()); err != nil || result.Outcome != Lost {
		t.Errorf("%+v %v", result, err)
	}
}

func TestAbandonStartsNothing(t *testing.T) {
	r := newRunner(t)
	file := filepath.Join(t.TempDir(), "started")
	run, err := r.Prepare(here(t, "touch", file), nil)
	if err != nil {
		t.Fatal(err)
	}
	pid := run.cmd.Process.Pid
	run.Abandon()
	if _, err := os.Stat(file); err == nil {
		t.Error("it was started")
	}
	if _, ok := readProcess(pid); ok {
		t.Error("its supervisor is there")
	}
}

func TestParseStat(t *testing.T) {
	self, ok := readProcess(os.Getpid())
	if !ok || self.pid != os.Getpid() || self.parent != os.Getppid() || self.start == 0 {
		t.Errorf("%+v", self)
	}
	line := "4711 (a (bad) S 1 name) R 1 4711 4710 " + strings.Repeat("0 ", 15) + "99 0"
	if p, ok := parseStat(line); !ok || p != (process{4711, 1, 4710, 'R', 99}) {
		t.Errorf("%+v %v", p, ok)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S", "x (x) S " + strings.Repeat("1 ", 30)} {
		if p, ok := parseStat(bad); ok {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}
