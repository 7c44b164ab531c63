package facts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// A dead server costs one timeout, then nothing, holds one goroutine, and is
// read again when it comes back.
func TestHungMountIsRemembered(t *testing.T) {
	w := tree{t, t.TempDir()}
	w.file("proc/self/mountinfo", "1 1 0:1 / /dead rw - nfs nas:/dead rw\n1 1 0:2 / /live rw - nfs nas:/live rw\n")
	synctest.Test(t, func(t *testing.T) {
		alive := make(chan struct{})
		var asked atomic.Int32
		c := New(Options{Root: w.root, HostName: "h.example"})
		c.far = newProbe(func(path string) (usage, error) {
			if filepath.Base(path) == "dead" {
				asked.Add(1)
				<-alive
			}
			return usage{1000, 500}, nil
		})
		start := time.Now()
		for range 20 {
			mounts, err := c.mounts(t.Context(), nil)
			if !errors.Is(err, errHung) || !strings.Contains(err.Error(), "mount /dead: ") {
				t.Fatalf("got %v", err)
			}
			if mounts[0].Size != 0 || mounts[1].Size != 1000 {
				t.Fatalf("got %+v", mounts)
			}
		}
		if took := time.Since(start); took != mountTimeout || asked.Load() != 1 {
			t.Errorf("20 times took %v and asked %d times, want %v and once", took, asked.Load(), mountTimeout)
		}
		close(alive)
		synctest.Wait()
		mounts, err := c.mounts(t.Context(), nil)
		if err != nil || mounts[0].Size != 1000 || asked.Load() != 2 {
			t.Errorf("after it came back: %+v, %v", mounts, err)
		}
	})
}

func TestHungMountsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := make(chan struct{})
		var running atomic.Int32
		p := newProbe(func(string) (usage, error) { running.Add(1); <-alive; return usage{}, nil })
		start := time.Now()
		for i := range 500 {
			_, err := p.ask(t.Context(), fmt.Sprint(i))
			if want := map[bool]error{true: errHung, false: errTooHung}[i < hungMax]; !errors.Is(err, want) {
				t.Fatalf("mount %d: got %v, want %v", i, err, want)
			}
		}
		if took := time.Since(start); running.Load() != hungMax || took != hungMax*mountTimeout {
			t.Errorf("%d goroutines, %v", running.Load(), took)
		}
		close(alive)
		synctest.Wait()
		if _, err := p.ask(t.Context(), "again"); err != nil {
			t.Error(err)
		}
	})
}

// However many servers are dead, the disks of the machine are read.
func TestDeadServersDoNotHideDisks(t *testing.T) {
	w := tree{t, t.TempDir()}
	var info strings.Builder
	for i := range 3 * hungMax {
		fmt.Fprintf(&info, "1 1 0:%d / /a%d rw - nfs nas:/%d rw\n", i, i, i)
	}
	w.file("proc/self/mountinfo", info.String()+"1 1 8:1 / /z rw - xfs /dev/sda1 rw\n")
	synctest.Test(t, func(t *testing.T) {
		alive := make(chan struct{})
		defer close(alive)
		c := New(Options{Root: w.root})
		c.far = newProbe(func(string) (usage, error) { <-alive; return usage{}, nil })
		c.near = newProbe(func(string) (usage, error) { return usage{1000, 500}, nil })
		mounts, err := c.mounts(t.Context(), nil)
		if disk := mounts[len(mounts)-1]; disk.Path != "/z" || disk.Size != 1000 || !errors.Is(err, errTooHung) {
			t.Errorf("got %+v, %v", disk, err)
		}
	})
}

func TestAskEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := make(chan struct{})
		defer close(alive)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		p := newProbe(func(string) (usage, error) { <-alive; return usage{}, nil })
		if _, err := p.ask(ctx, "/x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

const hungRoot = "YODEL_TEST_HUNG_ROOT" // set in the child of TestRealHungMount

// A FUSE file system whose server never answers hangs in statfs as a dead NFS
// server does. It is mounted in a mount namespace of a child process.
func TestRealHungMount(t *testing.T) {
	if root := os.Getenv(hungRoot); root != "" {
		collectBesideHungMount(t, root)
		return
	}
	if os.Getuid() != 0 {
		need(t, "root, to mount")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		need(t, "/dev/fuse")
	}
	w := tree{t, t.TempDir()}
	w.file("proc/self/mountinfo", "1 1 0:1 / /dead rw - fuse.sshfs nas:/dead rw\n")
	w.file("dead/x", "")
	child := exec.Command("/proc/self/exe", "-test.run=^TestRealHungMount$", "-test.v")
	child.Env = append(os.Environ(), hungRoot+"="+w.root)
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestRealHungMount") {
		t.Errorf("%v\n%s", err, out)
	}
}

func collectBesideHungMount(t *testing.T, root string) {
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(root, "dead")
	if err := unix.Mount("nas:/dead", dead, "fuse.sshfs", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server)); err != nil {
		t.Fatal(err)
	}
	c := New(Options{Root: root, HostName: "h.example"})
	for i, limit := range []time.Duration{mountTimeout + 2*time.Second, mountTimeout / 2} {
		start := time.Now()
		_, errs := c.Collect(t.Context())
		took := time.Since(start)
		t.Logf("collection %d beside a hung mount: %v", i+1, took)
		if took > limit || !errors.Is(errors.Join(errs...), errHung) {
			t.Errorf("collection %d took %v, want at most %v: %v", i+1, took, limit, errs)
		}
	}
	unix.Close(server) // the kernel now answers for it
	for range 1000 {
		if _, errs := c.Collect(t.Context()); errors.Is(errors.Join(errs...), unix.ENOTCONN) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the question to the dead mount never ended")
}

// need skips a test that this machine cannot run, and fails it in CI.
func need(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}
