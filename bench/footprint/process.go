package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// agent is the process under measurement.
type agent struct {
	name, address string
	cmd           *exec.Cmd
	log           string
	knows         func(context.Context) (members int, err error)
}

func startAgent(dir, name, address, program string, args ...string) (*agent, error) {
	a := &agent{name: name, address: address, log: filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".log")}
	log, err := os.Create(a.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	a.cmd = exec.Command(program, args...)
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return a, nil
}

func (a *agent) close() error {
	a.cmd.Process.Signal(syscall.SIGKILL) // nobody is left to care for a clean leave
	var killed *exec.ExitError
	if err := a.cmd.Wait(); err != nil && !errors.As(err, &killed) {
		return fmt.Errorf("end %s: %w", a.name, err)
	}
	return nil
}

// tail is the end of the agent's log.
func (a *agent) tail() []byte {
	b, _ := os.ReadFile(a.log) // there may be none
	lines := bytes.Split(b, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-10):], []byte("\n"))
}

// sample is what the kernel says of a process.
type sample struct {
	at                    time.Time
	cpu                   time.Duration // user and system, to 10 ms
	switches              uint64        // times that a thread was put on a core
	rss, anon, file, most uint64        // bytes
	packets               int
	wire                  uint64 // bytes in and out, IP headers included
}

// clockTick is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func (a *agent) sample(w *wire) (sample, error) {
	s := sample{at: time.Now()}
	cpu, err := cpuTime(a.cmd.Process.Pid)
	if err != nil {
		return s, fmt.Errorf("%s is gone: %w\n%s", a.name, err, a.tail())
	}
	s.cpu = cpu
	dir := fmt.Sprintf("/proc/%d", a.cmd.Process.Pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return s, err
	}
	s.parseStatus(status)
	tasks, err := filepath.Glob(dir + "/task/*/status")
	if err != nil {
		return s, err
	}
	for _, t := range tasks {
		b, _ := os.ReadFile(t) // a thread may end meanwhile
		s.switches += number(b, "\nvoluntary_ctxt_switches:") + number(b, "nonvoluntary_ctxt_switches:")
	}
	s.packets, s.wire = w.seen(a.address)
	return s, nil
}

// cpuTime is what all threads of a process took, in user and kernel.
func cpuTime(pid int) (time.Duration, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	took, err := parseStat(stat)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return took, nil
}

// parseStat adds utime and stime, fields 14 and 15; proc_pid_stat(5). The name
// in field 2 may hold spaces and parentheses.
func parseStat(stat []byte) (time.Duration, error) {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3 on
	if len(fields) < 13 {
		return 0, fmt.Errorf("%d fields after the name, want 13", len(fields))
	}
	var sum time.Duration
	for _, i := range []int{14, 15} {
		ticks, err := strconv.ParseInt(fields[i-3], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * clockTick
	}
	return sum, nil
}

// parseStatus takes the memory of a process; proc_pid_status(5).
func (s *sample) parseStatus(status []byte) {
	s.rss, s.anon, s.file = number(status, "VmRSS:")<<10, number(status, "RssAnon:")<<10, number(status, "RssFile:")<<10
	s.most = number(status, "VmHWM:") << 10
}

// number is what follows a word in a file of /proc.
func number(b []byte, word string) uint64 {
	_, after, _ := bytes.Cut(b, []byte(word))
	fields := strings.Fields(string(after[:min(len(after), 40)]))
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(fields[0], 10, 64) // 0 shows as 0 in the table
	return n
}

// watch measures all agents of a mesh over the same time.
func (m *mesh) watch(ctx context.Context, window time.Duration) ([]result, error) {
	addresses := make([]string, 0, len(m.agents))
	for _, a := range m.agents {
		addresses = append(addresses, a.address)
	}
	w := tap(addresses)
	defer w.close()
	before := make([]sample, len(m.agents))
	pid := m.crowd.cmd.Process.Pid
	crowd, err := cpuTime(pid)
	if err != nil {
		return nil, err
	}
	for i, a := range m.agents {
		if before[i], err = a.sample(w); err != nil {
			return nil, err
		}
	}
	if err := sleep(ctx, window); err != nil {
		return nil, err
	}
	var results []result
	for i, a := range m.agents {
		after, err := a.sample(w)
		if err != nil {
			return nil, err
		}
		results = append(results, result{a.name, before[i], after, w.err})
	}
	later, err := cpuTime(pid)
	say("the crowd took %.0f %% of a core meanwhile", 100*float64(later-crowd)/float64(window))
	return results, err
}
