//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a program may take to end when it is asked to.
const stopTime = 20 * time.Second

// Program is a program that runs on a host.
type Program struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended
	asked bool          // somebody wanted it to end
}

// StartProgram runs a program on the host in the background. What it prints goes to
// a file NAME.log in the host's directory, which is appended to.
func (h *Host) StartProgram(name string, program string, args ...string) (*Program, error) {
	log, err := os.OpenFile(h.Path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := h.inside(program, args...)
	p := &Program{cmd: exec.Command(command[0], command[1:]...), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = h.dir, log, log
	// A Ctrl-C is for the lab, which then ends the program; should the lab die, so does it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", name, h.Name, err)
	}
	go func() {
		p.cmd.Wait() // the state tells how it ended
		close(p.ended)
	}()
	return p, nil
}

// Start writes what an operator would write, and runs what systemd would.
func (h *Host) Start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agent != nil && !h.agent.hasEnded() {
		return fmt.Errorf("start %s: it runs", h.Name)
	}
	conf := h.Path("yodel.hcl")
	if err := os.WriteFile(conf, []byte(h.configuration()), 0o600); err != nil {
		return err
	}
	program := h.lab.yodel
	if h.Program != "" {
		program = h.Program
	}
	command := append(h.Env[:len(h.Env):len(h.Env)], program, "agent", "--config-file", conf,
		"--node", h.Name, "--bind", h.Address, "--data-dir", h.Data)
	agent, err := h.StartProgram("agent", "env", command...)
	h.agent = agent
	return err
}

func (h *Host) configuration() string {
	var b strings.Builder
	if len(h.Join) > 0 {
		fmt.Fprintf(&b, "retry_join = [\"%s\"]\n", strings.Join(h.Join, `", "`))
	}
	if h.Key != "" {
		fmt.Fprintf(&b, "encrypt = %q\n", h.Key)
	}
	fmt.Fprintf(&b, "host_domains = [%q]\nrack = \"/dc1/r%d\"\n", Domain, h.Number%4+1)
	return b.String() + h.Config
}

// Running says whether an agent runs on the host.
func (h *Host) Running() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.agent != nil && !h.agent.hasEnded()
}

// Crashed is an error if the agent ended and nobody had asked it to.
func (h *Host) Crashed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agent == nil || !h.agent.hasEnded() || h.agent.asked {
		return nil
	}
	return fmt.Errorf("the agent of %s ended by itself: %s", h.Name, h.agent.cmd.ProcessState)
}

// Kill ends the agent with SIGKILL. It does not wait for its end.
func (h *Host) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.agent.asked = true
	h.agent.cmd.Process.Kill()
}

// Stop ends the agent as systemd would, and waits.
func (h *Host) Stop() error {
	h.mu.Lock()
	p := h.agent
	p.asked = true
	h.mu.Unlock()
	return p.Stop()
}

// Wait waits for the end of the agent and returns its exit code.
func (h *Host) Wait(limit time.Duration) (int, error) {
	h.mu.Lock()
	p := h.agent
	p.asked = true
	h.mu.Unlock()
	return p.Wait(limit)
}

// PID is the process of the agent.
func (h *Host) PID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.agent.cmd.Process.Pid
}

// Wipe removes the data directory, as a reinstallation does.
func (h *Host) Wipe() error { return os.RemoveAll(h.Data) }

// Log is what the agent has written since the host was made.
func (h *Host) Log() string {
	b, _ := os.ReadFile(filepath.Join(h.dir, "agent.log")) // none: nothing written
	return string(b)
}

// Tail is the end of the agent's log.
func (h *Host) Tail(lines int) string {
	all := bytes.Split(bytes.TrimSpace([]byte(h.Log())), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

func (p *Program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *Program) kill() {
	p.asked = true
	p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Stop asks the program to end and waits for it. One that was killed by
// another signal, or ended with an error, is an error.
func (p *Program) Stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	code, err := p.Wait(stopTime)
	if err == nil && code != 0 && p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		err = fmt.Errorf("it ended with %s", p.cmd.ProcessState)
	}
	return err
}

// Wait waits for the end of the program.
func (p *Program) Wait(limit time.Duration) (code int, err error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, errors.New("it does not end")
	}
}
