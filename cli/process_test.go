package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a real agent and what it tells systemd.
type process struct {
	*exec.Cmd
	t      testing.TB
	log    *buffer
	states chan string
}

// buffer takes a log while others read it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startAgent starts this test's program under the name that makes it yodel.
func startAgent(t testing.TB, config string) *process {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	yodel, file, socket := filepath.Join(dir, "yodel"), filepath.Join(dir, "a.hcl"), filepath.Join(dir, "notify")
	if err := errors.Join(os.Symlink(self, yodel), os.WriteFile(file, []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := &process{t: t, log: new(buffer), states: make(chan string, 1024)}
	go func() { // ends with conn
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				close(p.states)
				return
			}
			p.states <- string(b[:n])
		}
	}()
	ip := fmt.Sprintf("127.78.%d.1", 1+os.Getpid()%250)
	p.Cmd = exec.Command(yodel, "agent", "--dev", "--node", "n1", "--bind", ip, "--http-addr", ip+":8500", "--dns-addr", ip+":8600", "--config-file", file)
	p.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=400000")
	p.Stdout, p.Stderr = p.log, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		if t.Failed() {
			t.Log(p.log)
		}
	})
	return p
}

// told waits for a word to systemd.
func (p *process) told(want string) {
	p.t.Helper()
	late := time.After(15 * time.Second)
	for {
		select {
		case s := <-p.states:
			if strings.Contains(s, want) {
				return
			}
		case <-late:
			p.t.Fatalf("systemd was not told %s", want)
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end, which has to come with an exit code.
func (p *process) ends(code int) {
	p.t.Helper()
	time.AfterFunc(20*time.Second, func() { _ = p.Process.Kill() })
	_ = p.Wait() // the code says it
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit code %d, want %d", got, code)
	}
}

func (p *process) says(want string) {
	p.t.Helper()
	if !strings.Contains(p.log.String(), want) {
		p.t.Errorf("the log lacks %q", want)
	}
}

func TestSystemdIsTold(t *testing.T) {
	p := startAgent(t, "")
	p.told("READY=1")
	p.told("WATCHDOG=1")
	p.told("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	p.told("RELOADING=1\nMONOTONIC_USEC=")
	p.told("READY=1")
	p.signal(syscall.SIGTERM)
	p.told("STOPPING=1")
	p.ends(0)
	p.says("why=terminated leave=false")
	p.says("msg=stopped")
}

func TestTermLeavesWhenAsked(t *testing.T) {
	p := startAgent(t, "leave_on_terminate = true\nlog_json = true")
	p.told("READY=1")
	p.signal(syscall.SIGTERM)
	p.ends(0)
	p.says(`"msg":"stopping","why":"terminated","leave":true`)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startAgent(t, "")
	p.told("READY=1")
	p.signal(syscall.SIGINT)
	p.told("STOPPING=1") // a leave takes half a second at least
	start := time.Now()
	p.signal(syscall.SIGINT)
	p.ends(1)
	p.says("ended at once by a second signal")
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("ended %v after the second signal", took)
	}
}

func TestInterruptNeedNotLeave(t *testing.T) {
	p := startAgent(t, "skip_leave_on_interrupt = true")
	p.told("READY=1")
	p.signal(syscall.SIGINT)
	p.ends(0)
	p.says("why=interrupted leave=false")
}
