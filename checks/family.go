package checks

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A family is a process and all that descends from it: by parent, by process
// group, and by the mark in the environment, which also finds those that made
// a session of their own and lost their parent.
type family struct {
	leader  int             // leads the process group; 0: there is none on this host
	mark    string          // NAME=value
	since   uint64          // start time of the leader: nobody in the family is older
	members map[int]kinsman // known so far, by process ID
}

// A kinsman is a process in /proc/PID/stat (proc_pid_stat(5)).
type kinsman struct {
	pid, parent, group int
	state              byte
	start              uint64 // in clock ticks after boot; with pid, names a process for good
}

func newFamily(leader int, mark string) *family {
	f := &family{leader: leader, mark: mark, members: make(map[int]kinsman)}
	if k, ok := readKinsman(leader); ok {
		f.since = k.start
		f.members[leader] = k
	}
	return f
}

// How often a family that ends is looked at.
const endPoll = 20 * time.Millisecond

// How many times it is killed and searched again. Each search finds those that
// were born during the last; a fork bomb that outruns this is left to the kernel.
const endRounds = 10

// end terminates the family, and kills what is left after grace.
func (f *family) end(grace time.Duration) {
	f.search()
	f.signal(syscall.SIGTERM)
	f.signal(syscall.SIGCONT) // a stopped process cannot heed it otherwise
	for deadline := time.Now().Add(grace); f.alive() && time.Now().Before(deadline); {
		time.Sleep(endPoll)
	}
	for range endRounds {
		f.search()
		if !f.alive() {
			return
		}
		f.signal(syscall.SIGKILL)
		time.Sleep(endPoll)
	}
}

// search adds to the family whoever belongs to it.
func (f *family) search() {
	all := processes()
	for pid, k := range f.members {
		if now, ok := all[pid]; !ok || now.start != k.start {
			delete(f.members, pid) // gone, and its number may be another's
		}
	}
	for pid, k := range all {
		if f.possible(k) && (f.leader != 0 && k.group == f.leader || hasMark(pid, f.mark)) {
			f.members[pid] = k
		}
	}
	for again := true; again; { // at most once per generation
		again = false
		for pid, k := range all {
			_, known := f.members[pid]
			parent, ok := f.members[k.parent]
			if !known && ok && parent.start <= k.start && f.possible(k) {
				f.members[pid], again = k, true
			}
		}
	}
}

// possible leaves out who cannot belong to the family, or is dead.
func (f *family) possible(k kinsman) bool {
	return k.start >= f.since && k.pid != os.Getpid() && k.state != 'Z'
}

// alive is whether any member still runs. A zombie does not.
func (f *family) alive() bool {
	for pid, k := range f.members {
		if now, ok := readKinsman(pid); !ok || now.start != k.start || now.state == 'Z' || now.state == 'X' {
			continue
		}
		return true
	}
	return false
}

func (f *family) signal(s syscall.Signal) {
	if f.leader != 0 {
		syscall.Kill(-f.leader, s)
	}
	for pid, k := range f.members {
		if now, ok := readKinsman(pid); ok && now.start == k.start && now.group != f.leader {
			syscall.Kill(pid, s)
		}
	}
}

// processes are all that /proc shows.
func processes() map[int]kinsman {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	all := make(map[int]kinsman, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if k, ok := readKinsman(pid); ok {
				all[pid] = k
			}
		}
	}
	return all
}

func readKinsman(pid int) (kinsman, bool) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return kinsman{}, false
	}
	return parseStat(string(b))
}

// parseStat reads a line such as
//
//	4711 (a (bad) name) S 1 4711 ...
//
// where the name may hold anything: what follows the last parenthesis counts.
func parseStat(line string) (kinsman, bool) {
	pid, _, ok := strings.Cut(line, " (")
	end := strings.LastIndexByte(line, ')')
	if !ok || end < 0 {
		return kinsman{}, false
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return kinsman{}, false
	}
	k := kinsman{state: fields[0][0]}
	var errs [4]error
	k.pid, errs[0] = strconv.Atoi(pid)
	k.parent, errs[1] = strconv.Atoi(fields[1])
	k.group, errs[2] = strconv.Atoi(fields[2])
	k.start, errs[3] = strconv.ParseUint(fields[19], 10, 64) // field 22 of the line
	for _, err := range errs {
		if err != nil {
			return kinsman{}, false
		}
	}
	return k, true
}

// hasMark is whether the environment that a process began with holds mark.
// Another user's process cannot be read, and has it not.
func hasMark(pid int, mark string) bool {
	file, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	defer file.Close()
	// 2 MiB: the kernel's default limit for arguments and environment together.
	environ, _ := io.ReadAll(io.LimitReader(file, 2<<20))
	for kv := range bytes.SplitSeq(environ, []byte{0}) {
		if string(kv) == mark {
			return true
		}
	}
	return false
}
