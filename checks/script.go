package checks

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// From SIGTERM to SIGKILL: time to remove a temporary file, not to finish.
	termGrace = time.Second
	// After the program has ended, for output in its pipe that is not read yet.
	// A daemon that inherited the pipe holds it open for ever.
	pipeGrace = time.Second
)

// scriptProbe runs a program without a shell, in a process group of its own,
// standard output and error together. When it is late, it and all that came
// from it is ended. When it ends in time, what it left in its process group is
// killed; a daemon in a session of its own stays.
func scriptProbe(d Definition) Probe {
	return func(ctx context.Context) (Status, string) {
		out := newTail(d.OutputMaxSize)
		mark := newMark()
		cmd := exec.Command(d.Args[0], d.Args[1:]...)
		cmd.Env = scriptEnv(os.Environ(), mark)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.WaitDelay = pipeGrace
		if err := cmd.Start(); err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		mortal(cmd.Process.Pid)
		late := !awaitExit(ctx, cmd.Process.Pid, mark)
		err := cmd.Wait()
		if late {
			return Critical, out.String()
		}
		code := cmd.ProcessState.ExitCode()
		if text := out.String(); code >= 0 || err == nil {
			return exitStatus(code), text
		} else if text != "" {
			return Critical, text + "\n" + err.Error()
		}
		return Critical, err.Error() // ended by a signal
	}
}

// mortal takes from a child the agent's protection from being killed for want
// of memory: a check that eats it all is the one to go.
func mortal(pid int) {
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("0"), 0) // or it ends as it began
}

// awaitExit waits for the end of the process group that pid leads, and is false
// when it had to bring it about. It leaves pid itself as a zombie for
// cmd.Wait, so that the number of the group cannot pass to another meanwhile.
func awaitExit(ctx context.Context, pid int, mark string) bool {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	inTime := true
	select {
	case <-exited:
		syscall.Kill(-pid, syscall.SIGKILL)
	case <-ctx.Done():
		inTime = false
		newFamily(pid, mark).end(termGrace)
	}
	<-exited
	return inTime
}

// newMark is an environment variable that only one run has. Whatever descends
// from the run inherits it, and is found by it.
func newMark() string { return markName + rand.Text() }

const markName = "YODEL_CHECK_RUN="

// scriptEnv is the agent's environment without what is the agent's own: what
// systemd gave it to talk back, and its settings, which may hold secrets.
func scriptEnv(environ []string, mark string) []string {
	env := make([]string, 0, len(environ)+1)
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY":
			continue
		}
		if !strings.HasPrefix(name, "YODEL_") {
			env = append(env, kv)
		}
	}
	return append(env, mark)
}
