package jobs

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// killPoll is how often a family that ends is looked at.
	killPoll = 20 * time.Millisecond
	// killRounds bounds the search for those that are born while others are
	// stopped. What outruns it has to be a fork bomb with other rights than ours.
	killRounds = 50
)

// A process as /proc/PID/stat has it (proc_pid_stat(5)).
type process struct {
	pid, parent, session int
	state                byte
	start                uint64 // clock ticks after boot; with pid, names it for good
}

func (p process) dead() bool { return p.state == 'Z' || p.state == 'X' }

// descendants of a process that is the reaper of its orphans: nobody gets away
// from under it, whatever it does.
func descendants(root int) []process {
	children := make(map[int][]process)
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p)
	}
	var all []process
	for next := []int{root}; len(next) > 0; {
		p := next[0]
		next = next[1:]
		for _, child := range children[p] {
			all = append(all, child)
			next = append(next, child.pid)
		}
		delete(children, p)
	}
	return all
}

// strays are processes of a job whose supervisor is gone: those with its mark in
// their environment, and the sessions that they are in, which began in the job.
func strays(job ID) []process {
	mark := "YODEL_JOB=" + job.String()
	sessions := make(map[int]bool)
	all := processes()
	for _, p := range all {
		if p.pid != os.Getpid() && hasMark(p.pid, mark) {
			sessions[p.session] = true
		}
	}
	return slices.DeleteFunc(all, func(p process) bool { return !sessions[p.session] || p.pid == os.Getpid() })
}

// kill ends all that find finds: it stops them first, until there is nobody
// left to fork, and gives how many there were, zombies not counted.
func kill(find func() []process) int {
	stopped := make(map[process]bool)
	for range killRounds {
		fresh := 0
		for _, p := range find() {
			key := process{pid: p.pid, start: p.start}
			if !p.dead() && !stopped[key] {
				stopped[key] = true
				fresh++
				syscall.Kill(p.pid, syscall.SIGSTOP)
			}
		}
		if fresh == 0 {
			break
		}
	}
	for range killRounds {
		left := 0
		for _, p := range find() {
			if !p.dead() && syscall.Kill(p.pid, syscall.SIGKILL) == nil {
				left++
			}
		}
		if left == 0 {
			break
		}
		time.Sleep(killPoll)
	}
	return len(stopped)
}

// terminate asks all that find finds to end, and to wake up for it.
func terminate(find func() []process) {
	for _, p := range find() {
		if !p.dead() {
			syscall.Kill(p.pid, syscall.SIGTERM)
			syscall.Kill(p.pid, syscall.SIGCONT)
		}
	}
}

func living(find func() []process) bool {
	for _, p := range find() {
		if !p.dead() {
			return true
		}
	}
	return false
}

func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	all := make([]process, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := readProcess(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

func readProcess(pid int) (process, bool) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, false
	}
	return parseStat(string(b))
}

// parseStat reads "4711 (a (bad) name) S 1 4711 4711 ...": the name may hold
// anything, so what follows the last parenthesis counts.
func parseStat(line string) (process, bool) {
	pid, _, ok := strings.Cut(line, " (")
	end := strings.LastIndexByte(line, ')')
	if !ok || end < 0 {
		return process{}, false
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return process{}, false
	}
	p := process{state: fields[0][0]}
	var errs [4]error
	p.pid, errs[0] = strconv.Atoi(pid)
	p.parent, errs[1] = strconv.Atoi(fields[1])
	p.session, errs[2] = strconv.Atoi(fields[3])
	p.start, errs[3] = strconv.ParseUint(fields[19], 10, 64) // field 22 of the line
	for _, err := range errs {
		if err != nil {
			return process{}, false
		}
	}
	return p, true
}

// hasMark is whether the environment that a process began with holds mark.
func hasMark(pid int, mark string) bool {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	defer f.Close()
	// 2 MiB: the kernel's default limit for arguments and environment together.
	environ, _ := io.ReadAll(io.LimitReader(f, 2<<20))
	for kv := range bytes.SplitSeq(environ, []byte{0}) {
		if string(kv) == mark {
			return true
		}
	}
	return false
}
