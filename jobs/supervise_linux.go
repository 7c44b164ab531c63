package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pipeGrace is for output that is still in a pipe when the last process that
	// we know of has ended; one that lingers may hold it open for ever.
	pipeGrace = time.Second
	// leaveGrace is from TERM to KILL for what a command left in the background.
	leaveGrace = 2 * time.Second
)

// What goes over the pipes and FIFOs between agent and supervisor.
const (
	wordReady  = 'r' // it holds its FIFOs: it can be watched and told
	wordGo     = 'g' // "started" is on disk
	wordCancel = 'c'
)

// Supervise is the main function of the hidden command that a Runner starts:
//
//	COMMAND supervise JOB       the supervisor of the run whose spool it is started in
//	COMMAND put PATH MODE       writes standard input to a file, as the user that it runs as
//
// It returns the exit code.
func Supervise(args []string) int {
	var err error
	switch {
	case len(args) == 2 && args[0] == "supervise":
		err = supervise(".") // so that it stays with its spool when that is renamed
	case len(args) == 3 && args[0] == "put":
		err = put(args[1], args[2])
	default:
		err = errors.New("this command is the agent's; it is of no use by hand")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A supervisor carries out one run and outlives the agent that started it.
type supervisor struct {
	dir    string
	task   task
	output *os.File
	spool  *spooler
	result Result

	chunks  chan Frame     // from the command's pipes
	exited  chan exit      // of the command, once
	empty   chan struct{}  // closed when no child is left
	control chan os.Signal // TERM, or a word on the FIFO
	main    int            // process ID of the command
}

type exit struct {
	status syscall.WaitStatus
	usage  syscall.Rusage
}

func supervise(dir string) error {
	// The command dies with this thread, not with another (prctl(2)).
	runtime.LockOSThread()
	s := &supervisor{dir: dir, chunks: make(chan Frame), exited: make(chan exit, 1), empty: make(chan struct{}), control: make(chan os.Signal, 4)}
	var err error
	if s.task, err = readTask(dir); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper: %w", err)
	}
	// Caught rather than ignored: the command would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT)
	signal.Notify(s.control, syscall.SIGTERM)
	syscall.Umask(0o022)
	keepDescriptors()
	// Opened for both: neither waits for the other side, nor ends with it.
	alive, err := os.OpenFile(filepath.Join(dir, aliveFile), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer alive.Close()
	control, err := os.OpenFile(filepath.Join(dir, controlFile), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	go s.listen(control)
	if s.output, err = os.OpenFile(filepath.Join(dir, outputPath), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	s.spool = newSpooler(s.output, s.task.OutputMax)
	if !s.mayGo() {
		return nil
	}
	s.run()
	return writeResult(dir, s.result)
}

// keepDescriptors keeps from the command what this process was given open.
func keepDescriptors() {
	names, _ := os.ReadDir("/proc/self/fd")
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// mayGo waits for the word of the agent. If the agent dies before, there is
// none, and nothing is started.
func (s *supervisor) mayGo() bool {
	if _, err := os.Stdout.Write([]byte{wordReady}); err != nil {
		return false
	}
	os.Stdout.Close()
	var word [1]byte
	n, _ := os.Stdin.Read(word[:])
	os.Stdin.Close()
	return n == 1 && word[0] == wordGo
}

// listen makes a word on the FIFO a signal.
func (s *supervisor) listen(control *os.File) {
	var word [1]byte
	for {
		if _, err := control.Read(word[:]); err != nil {
			return
		}
		if word[0] == wordCancel {
			select {
			case s.control <- syscall.SIGTERM:
			default: // it was told often enough
			}
		}
	}
}

func (s *supervisor) run() {
	s.result.Started = time.Now()
	if err := s.putFiles(); err != nil {
		s.fail(codeCannot, err)
		return
	}
	pipes, err := s.fork()
	if err != nil {
		code := codeCannot
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			code = codeNotFound
		}
		s.fail(code, err)
		return
	}
	go s.reap()
	drained := make(chan struct{})
	go func() {
		<-pipes[0].done
		<-pipes[1].done
		close(drained)
	}()
	s.watch(drained)
	s.spool.finish(time.Now())
	s.result.Ended = time.Now()
	s.result.Output, s.result.Cut = s.spool.kept, s.spool.lost
	if s.spool.trouble != nil {
		s.explain("its output is not all kept: %v", s.spool.trouble)
	}
}

// The exit codes of shells for a command that could not be run.
const (
	codeCannot   = 126
	codeNotFound = 127
)

func (s *supervisor) fail(code int, err error) {
	s.result.Outcome, s.result.Code, s.result.Ended = Failed, code, time.Now()
	s.explain("%v", err)
}

func (s *supervisor) explain(format string, args ...any) {
	if s.result.Why != "" {
		s.result.Why += "; "
	}
	s.result.Why = shorten(s.result.Why+fmt.Sprintf(format, args...), whyMax)
}

// A source is a pipe from the command.
type source struct {
	file *os.File
	done chan struct{}
}

// fork starts the command in a session of its own.
func (s *supervisor) fork() (pipes [2]source, err error) {
	if info, err := os.Stat(s.task.Cwd); err != nil || !info.IsDir() {
		return pipes, fmt.Errorf("start in %s: %w", s.task.Cwd, cmp.Or(err, error(syscall.ENOTDIR)))
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return pipes, err
	}
	defer null.Close()
	files := []uintptr{null.Fd(), 0, 0}
	for i, stream := range []Stream{Stdout, Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return pipes, err
		}
		defer w.Close()
		files[i+1] = w.Fd()
		pipes[i] = source{r, make(chan struct{})}
		go s.read(pipes[i], stream)
	}
	path, args := "", s.task.Args
	if s.task.Script {
		script, err := os.Open(filepath.Join(s.dir, scriptFile))
		if err != nil {
			return pipes, err
		}
		defer script.Close()
		files = append(files, script.Fd())
		// By its descriptor: the user may not look into the spool.
		path = "/proc/self/fd/3"
		args = append([]string{path}, args...)
	} else if path, err = s.find(args[0]); err != nil {
		return pipes, fmt.Errorf("start %s: %w", args[0], err)
	}
	// The thread's priority is what the command begins with.
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, s.task.Nice); err != nil {
		return pipes, fmt.Errorf("set nice %d: %w", s.task.Nice, err)
	}
	s.main, err = syscall.ForkExec(path, args, s.attributes(files))
	if errors.Is(err, syscall.ENOEXEC) { // no #! line: a script of the shell, as everywhere
		s.main, err = syscall.ForkExec("/bin/sh", append([]string{"sh", path}, args[1:]...), s.attributes(files))
	}
	if err != nil {
		return pipes, fmt.Errorf("start %s: %w", args[0], err)
	}
	unix.Setpriority(unix.PRIO_PROCESS, 0, 0)
	s.mortal()
	return pipes, nil
}

func (s *supervisor) attributes(files []uintptr) *syscall.ProcAttr {
	return &syscall.ProcAttr{
		Dir: s.task.Cwd, Env: s.task.Env, Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Credential: s.task.Identity.credential()},
	}
}

func (i identity) credential() *syscall.Credential {
	if !i.Switch {
		return nil
	}
	return &syscall.Credential{Uid: i.UID, Gid: i.GID, Groups: i.Groups}
}

// find looks a command up in the PATH that it will have.
func (s *supervisor) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // from Cwd, if it is not absolute
	}
	for _, kv := range s.task.Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			os.Setenv("PATH", path)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", exec.ErrNotFound
	}
	return path, nil
}

// mortal takes the protection of the agent from the command: what eats all
// memory is the one to go.
func (s *supervisor) mortal() {
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.main), []byte("0"), 0) // or it ends as it began
}

// read passes on what comes from the command.
func (s *supervisor) read(from source, stream Stream) {
	defer close(from.done)
	for {
		b := make([]byte, frameMax)
		n, err := from.file.Read(b)
		if n > 0 {
			s.chunks <- Frame{Stream: stream, Time: time.Now(), Bytes: b[:n]}
		}
		if err != nil {
			return
		}
	}
}

// reap waits for every child, also those that were adopted, until there is
// none.
func (s *supervisor) reap() {
	defer close(s.empty)
	for {
		var e exit
		pid, err := syscall.Wait4(-1, &e.status, 0, &e.usage)
		switch {
		case err == syscall.EINTR:
		case err != nil: // ECHILD
			return
		case pid == s.main:
			s.exited <- e
		}
	}
}

// watch sees the command to its end, whoever brings it about, and its output.
// It is over when the command has exited, nobody is left and the pipes are at
// their end; or a while after it should be.
func (s *supervisor) watch(drained <-chan struct{}) {
	timeout := time.NewTimer(time.Duration(s.task.Timeout))
	defer timeout.Stop()
	exited, control, late := s.exited, s.control, timeout.C
	empty := (<-chan struct{})(s.empty)
	ended := make(chan int, 1) // by force, so many
	var overdue <-chan time.Time
	ending := false
	force := func(grace time.Duration) {
		ending, late, control = true, nil, nil
		go func() { ended <- s.end(grace) }()
	}
	for drained != nil || empty != nil || exited != nil || ending {
		select {
		case f := <-s.chunks:
			s.spool.add(f)
		case <-late:
			s.result.Outcome = TimedOut
			s.explain("it took more than %s", time.Duration(s.task.Timeout))
			force(time.Duration(s.task.Grace))
		case <-control:
			s.result.Outcome = Cancelled
			force(time.Duration(s.task.Grace))
		case e := <-exited:
			exited = nil
			s.note(e)
			if s.task.Linger {
				empty, late, control, overdue = nil, nil, nil, time.After(pipeGrace)
			} else if !ending {
				force(leaveGrace)
			}
		case n := <-ended:
			ending, overdue = false, time.After(pipeGrace)
			if s.result.Outcome == OK || s.result.Outcome == Failed {
				s.result.Left = n
			}
		case <-empty:
			empty = nil
		case <-drained:
			drained = nil
		case <-overdue:
			if overdue = nil; ending {
				continue
			}
			if exited != nil {
				s.explain("it cannot be killed")
			}
			return
		}
	}
}

// note reads the end of the command.
func (s *supervisor) note(e exit) {
	s.result.CPU = time.Duration(e.usage.Utime.Nano() + e.usage.Stime.Nano())
	switch {
	case e.status.Signaled():
		s.result.Code = 128 + int(e.status.Signal())
	default:
		s.result.Code = e.status.ExitStatus()
	}
	if s.result.Outcome != "" { // by timeout or cancel
		return
	}
	s.result.Outcome = OK
	if s.result.Code != 0 {
		s.result.Outcome = Failed
	}
	if e.status.Signaled() {
		s.explain("ended by %s", unix.SignalName(e.status.Signal()))
	}
}

// end terminates all that descends from this run, and kills what is left after
// grace. It gives how many were there.
func (s *supervisor) end(grace time.Duration) int {
	family := func() []process { return descendants(os.Getpid()) }
	found := 0
	for _, p := range family() {
		if !p.dead() {
			found++
		}
	}
	terminate(family)
	for deadline := time.Now().Add(grace); living(family) && time.Now().Before(deadline); {
		time.Sleep(killPoll)
	}
	kill(family)
	return found
}

// putFiles writes the files of the order, each as the user.
func (s *supervisor) putFiles() error {
	for i, f := range s.task.Put {
		content, err := os.Open(filepath.Join(s.dir, putFile+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = append(append([]string{}, s.task.Helper...), "put", f.Path, fmt.Sprintf("%o", f.Mode))
		cmd.Env, cmd.Stdin = s.task.Env, content
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Credential: s.task.Identity.credential()}
		var said tailWriter
		cmd.Stderr = &said
		err = cmd.Run()
		content.Close()
		if err != nil {
			return fmt.Errorf("put %s: %s", f.Path, strings.TrimSpace(string(said)))
		}
	}
	return nil
}

// A tailWriter keeps the end of what a helper says.
type tailWriter []byte

func (w *tailWriter) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	if over := len(*w) - whyMax; over > 0 {
		*w = (*w)[over:]
	}
	return len(b), nil
}

// put replaces a file atomically.
func put(path, mode string) error {
	bits, err := strconv.ParseUint(mode, 8, 12)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".yodel-put-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // unless it was renamed
	_, err = f.ReadFrom(os.Stdin)
	if err := errors.Join(err, f.Chmod(os.FileMode(bits)), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
