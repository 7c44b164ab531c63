//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// refuses starts an agent that cannot run, and wants it to end soon, with an
// error code and a text that says what is wrong.
func refuses(t *testing.T, h *Host, says ...string) {
	t.Helper()
	written := len(h.Log())
	begin := time.Now()
	ok(t, h.Start())
	code, err := h.Wait(10 * time.Second)
	if err != nil {
		h.Kill()
		t.Fatalf("the agent runs, or hangs: %v\n%s", err, h.Tail(5))
	}
	text := h.Log()[written:]
	lines := strings.Split(strings.TrimSpace(text), "\n")
	t.Logf("exit code %d after %s: %s", code, time.Since(begin).Round(time.Millisecond), strings.Join(lines[max(0, len(lines)-3):], "\n"))
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
		t.Errorf("the error is a crash:\n%s", text)
	}
}

func TestAPortInUse(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	h := l.Hosts[0]
	for _, address := range []string{
		net.JoinHostPort(h.Address, strconv.Itoa(GossipPort)), net.JoinHostPort(h.Address, strconv.Itoa(PeerPort)),
		net.JoinHostPort("127.0.0.1", strconv.Itoa(DNSPort)), net.JoinHostPort("127.0.0.1", strconv.Itoa(HTTPPort)),
	} {
		t.Run(address, func(t *testing.T) {
			other, err := h.Listen("tcp", address)
			ok(t, err)
			defer other.Close()
			_, port, _ := net.SplitHostPort(address)
			refuses(t, h, port, "address already in use", "ss -lntup")
		})
	}
	t.Run("the data directory", func(t *testing.T) {
		ok(t, h.Start())
		within(t, returnBudget, "the first agent runs", l.Hosts, func() error { _, err := h.Get("/readyz"); return err })
		second, err := h.StartProgram("second", l.yodel, "agent", "--node", "other", "--bind", "127.0.0.1", "--data-dir", h.Data,
			"--http-addr", "127.0.0.2:8500", "--dns-addr", "127.0.0.2:8600")
		ok(t, err)
		code, err := second.Wait(10 * time.Second)
		if err != nil {
			second.kill()
			t.Fatal("a second agent with the same data directory runs")
		}
		text, err := os.ReadFile(second.log)
		ok(t, err)
		t.Logf("exit code %d: %s", code, text)
		if code != 1 || !strings.Contains(string(text), h.Data) {
			t.Errorf("exit code %d, want 1 and the directory named", code)
		}
		ok(t, h.Stop())
	})
}

func TestAnAddressThatIsNotOurs(t *testing.T) {
	t.Parallel()
	h := newLab(t, 1).Hosts[0]
	h.Address = "192.0.2.9" // TEST-NET-1, RFC 5737
	refuses(t, h, "192.0.2.9", "this host has no such address")
}

func TestAHostNameWithAnUnderscore(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	h := l.Hosts[0]
	ok(t, h.Rename("my_host"))
	refuses(t, h, "my_host", "--node")
}

func TestADataDirectoryThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	h := l.Hosts[0]
	t.Run("is a file", func(t *testing.T) {
		h.Data = h.Path("file")
		ok(t, os.WriteFile(h.Data, []byte("x"), 0o600))
		refuses(t, h, h.Data)
	})
	t.Run("is read-only", func(t *testing.T) {
		h.Data = filepath.Join(mount(t, h, "ro", "size=4m,ro"), "data")
		refuses(t, h, h.Data, "read-only file system")
	})
	t.Run("is not ours", func(t *testing.T) {
		h.Data = h.Path("foreign")
		ok(t, os.MkdirAll(h.Data, 0o700))
		const nobody = "65534"
		p, err := h.StartProgram("nobody", "setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups",
			l.yodel, "agent", "--node", h.Name, "--bind", h.Address, "--data-dir", h.Data)
		ok(t, err)
		code, err := p.Wait(10 * time.Second)
		if err != nil {
			p.kill()
			t.Fatal("it runs")
		}
		text, err := os.ReadFile(p.log)
		ok(t, err)
		t.Logf("exit code %d: %s", code, text)
		if code != 1 || !strings.Contains(string(text), h.Data) || !strings.Contains(string(text), "permission denied") {
			t.Errorf("exit code %d, want 1, the directory named and why", code)
		}
	})
	t.Run("is full", func(t *testing.T) {
		dir := mount(t, h, "full", "size=1m")
		fill(t, dir)
		h.Data = filepath.Join(dir, "data")
		refuses(t, h, h.Data, "no space left on device")
	})
}

// TestTheDiskFillsUp: an agent whose disk is full says so, and membership, DNS
// and checks go on. When there is room again it keeps again.
func TestTheDiskFillsUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3)
	h := l.Hosts[2]
	dir := mount(t, h, "small", "size=512m") // above the floor of free space, below which nothing is written
	h.Data = filepath.Join(dir, "data")
	start(t, l.Hosts)
	trouble := func(want float64) func() error {
		return func() error {
			m, err := h.Metrics()
			if err == nil && m["yodel_disk_trouble"] != want {
				err = fmt.Errorf("yodel_disk_trouble is %v, want %v", m["yodel_disk_trouble"], want)
			}
			return err
		}
	}
	ok(t, trouble(0)())
	filler := fill(t, dir)
	changes := 0
	change := func() error {
		changes++
		for _, origin := range []*Host{h, l.Hosts[0]} {
			name := fmt.Sprintf("full%d-%s", changes, origin.Name)
			ok(t, origin.Register(name))
			quiet(t, 2*time.Second, "a change is known with a full disk", l.Hosts, func() error {
				return answer(l.Hosts, name+".service.yodel", []*Host{origin})
			})
		}
		return nil
	}
	within(t, 90*time.Second, "the full disk is told of in the metrics", l.Hosts, func() error {
		time.Sleep(time.Second)
		return errors.Join(change(), trouble(1)())
	})
	if !strings.Contains(h.Log(), "too little free space") {
		t.Error("the log says nothing of it")
	}
	ok(t, resolve(l.Hosts, l.Hosts))
	ok(t, os.Remove(filler))
	within(t, 90*time.Second, "with room again, it keeps again", l.Hosts, trouble(0))
	ok(t, h.Stop())
	ok(t, h.Start())
	rejoined(t, returnBudget, "and comes back after a restart", l.Hosts, h, nothing)
}

// mount mounts a tmpfs in the host's directory. It goes with the lab.
func mount(t *testing.T, h *Host, name, options string) string {
	t.Helper()
	dir := h.Path(name)
	ok(t, os.MkdirAll(dir, 0o755))
	ok(t, run("", "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir))
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) }) // else the lab does it
	return dir
}

// fill writes a file until nothing fits any more.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	ok(t, err)
	defer f.Close()
	b := make([]byte, 64<<10)
	for size := len(b); size > 0; {
		if _, err = f.Write(b[:size]); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill %s: %v", dir, err)
	}
	return path
}
