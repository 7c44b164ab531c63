package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// killGrace is from TERM to KILL at a timeout or a cancel: time for a
	// service to write down what it holds.
	killGrace = 10 * time.Second
	// readyTimeout is for a supervisor to come up on a host that swaps.
	readyTimeout = 30 * time.Second
)

// ErrGone: there is no supervisor to tell.
var ErrGone = errors.New("the run has ended")

// A Runner carries out orders on this host, each under a supervisor of its own,
// which an end of this process does not end.
type Runner struct {
	Dir    string   // of the spools; on a disk, and nobody else's
	Helper []string // the arguments, from 0, with which this very program calls Supervise
	// Place moves a supervisor, before anything is started, to where a restart
	// of the agent does not reach it, such as a scope of systemd. nil: nowhere.
	Place func(pid int, job ID) error

	grace time.Duration // killGrace, save in tests
}

// A Run is an order that is carried out here.
type Run struct {
	dir   string
	job   ID
	alive *os.File
	cmd   *exec.Cmd // nil: another process started the supervisor
	word  *os.File  // to say go
}

// Prepare does all that can fail before a run is started, and waits with the
// supervisor for Go. The journal has the job as Received. content opens what the order names by hash. An error is a
// *Refusal, and leaves nothing behind.
func (r Runner) Prepare(o Order, content func(Hash) (io.ReadCloser, error)) (*Run, error) {
	t, err := r.task(o)
	if err != nil {
		return nil, refuse(Impossible, "%v", err)
	}
	dir := r.spool(o.ID)
	if err := r.clear(o.ID, dir); err != nil {
		return nil, refuse(Impossible, "%v", err)
	}
	run, err := r.prepare(dir, o, t, content)
	if err != nil {
		os.RemoveAll(dir)
		return nil, refuse(Impossible, "this host cannot run it: %v", err)
	}
	return run, nil
}

// clear puts away what an agent left that died between Prepare and Go. Its
// supervisor ends by itself; until then it is at home in the directory, not in
// its name.
func (r Runner) clear(id ID, dir string) error {
	ctx, stop := context.WithTimeout(context.Background(), readyTimeout)
	defer stop()
	old, err := r.Attach(id)
	if err != nil {
		return err
	}
	defer old.Close()
	if old.alive != nil && old.awaitEnd(ctx) != nil {
		return fmt.Errorf("the job %s runs already", id)
	}
	away := dir + "." + strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := os.Rename(dir, away); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	os.RemoveAll(away) // or Remove does, when that supervisor is gone
	return nil
}

func (r Runner) spool(id ID) string { return filepath.Join(r.Dir, id.String()) }

func (r Runner) task(o Order) (task, error) {
	who, u, err := whoIs(o.User)
	if err != nil {
		return task{}, err
	}
	grace := killGrace
	if r.grace > 0 {
		grace = r.grace
	}
	cwd := o.Cwd
	if cwd == "" {
		cwd = u.HomeDir
		if info, err := os.Stat(cwd); err != nil || !info.IsDir() {
			cwd = "/"
		}
	}
	return task{
		Job: o.ID, Helper: r.Helper, Args: o.Command, Script: o.Script != nil, Put: o.Put,
		Cwd: cwd, Env: environment(o, u), Identity: who,
		Timeout: int64(o.Timeout), Grace: int64(grace), Nice: o.Nice, OutputMax: o.OutputMax, Linger: o.Linger,
	}, nil
}

func (r Runner) prepare(dir string, o Order, t task, content func(Hash) (io.ReadCloser, error)) (*Run, error) {
	if err := makeSpool(dir, t); err != nil {
		return nil, err
	}
	if o.Script != nil {
		// Read by its user through a descriptor only: see supervisor.fork.
		if err := fill(filepath.Join(dir, scriptFile), o.Script.Hash, o.Script.Size, 0o555, content); err != nil {
			return nil, fmt.Errorf("script %s: %w", o.Script.Name, err)
		}
	}
	for i, f := range o.Put {
		if err := fill(filepath.Join(dir, putFile+strconv.Itoa(i)), f.Hash, f.Size, 0o600, content); err != nil {
			return nil, fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	return r.supervise(dir, o.ID)
}

func fill(path string, h Hash, size int64, mode os.FileMode, content func(Hash) (io.ReadCloser, error)) error {
	c, err := content(h)
	if err != nil {
		return err
	}
	defer c.Close()
	return copyContent(path, c, h, size, mode)
}

// supervise starts a supervisor and waits until it is ready.
func (r Runner) supervise(dir string, id ID) (*Run, error) {
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	in, word, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	ready, out, err := os.Pipe()
	if err != nil {
		word.Close()
		return nil, err
	}
	defer ready.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: append(append([]string{}, r.Helper...), "supervise", id.String()),
		Env: []string{"PATH=" + defaultPath}, Dir: dir, Stdin: in, Stdout: out, Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	out.Close()
	if err != nil {
		word.Close()
		return nil, err
	}
	run := &Run{dir: dir, job: id, cmd: cmd, word: word}
	ready.SetReadDeadline(time.Now().Add(readyTimeout))
	var b [1]byte
	if _, err = ready.Read(b[:]); err != nil || b[0] != wordReady {
		err = fmt.Errorf("its supervisor did not come up: %w%s", err, said(filepath.Join(dir, logFile)))
	} else if run.alive, err = openFIFO(filepath.Join(dir, aliveFile), os.O_RDONLY); err == nil && r.Place != nil {
		err = r.Place(cmd.Process.Pid, id)
	}
	if err != nil {
		run.Abandon()
		return nil, err
	}
	return run, nil
}

func said(log string) string {
	b, _ := os.ReadFile(log)
	if len(b) == 0 {
		return ""
	}
	return ": " + shorten(string(b), whyMax)
}

func makeFIFOs(dir string) error {
	return errors.Join(unix.Mkfifo(filepath.Join(dir, aliveFile), 0o600), unix.Mkfifo(filepath.Join(dir, controlFile), 0o600))
}

func openFIFO(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|syscall.O_NONBLOCK, 0)
}

// Go starts the run: call it once Journal.Start has said yes. An error means
// that the supervisor is gone and nothing was started.
func (r *Run) Go() error {
	_, err := r.word.Write([]byte{wordGo})
	r.word.Close()
	r.word = nil
	if err != nil {
		return fmt.Errorf("start job %s: its supervisor is gone: %w", r.job, err)
	}
	return nil
}

// Abandon ends a run that was not started, and removes its spool.
func (r *Run) Abandon() {
	if r.word != nil {
		r.word.Close() // without a word it ends
		r.word = nil
	}
	r.cmd.Process.Kill()
	r.Close()
	r.cmd.Wait()
	os.RemoveAll(r.dir)
}

// Close forgets a run, which goes on. Not while Wait waits.
func (r *Run) Close() {
	if r.alive != nil {
		r.alive.Close()
		r.alive = nil
	}
}

// Attach finds a run that an earlier process of the agent started. It may have
// ended: Wait says how.
func (r Runner) Attach(id ID) (*Run, error) {
	alive, err := openFIFO(filepath.Join(r.spool(id), aliveFile), os.O_RDONLY)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("attach to job %s: %w", id, err)
	}
	return &Run{dir: r.spool(id), job: id, alive: alive}, nil
}

// Wait waits for the end of the supervisor and reads the result. If it left
// none, the run is lost and whatever is left of it is killed. After an error,
// such as that of ctx, the run goes on, and Wait may be called again.
func (r *Run) Wait(ctx context.Context) (Result, error) {
	if r.alive != nil {
		if err := r.awaitEnd(ctx); err != nil {
			return Result{}, err
		}
		r.Close()
	}
	if r.cmd != nil {
		r.cmd.Wait() // it has ended: nobody else held the FIFO
		r.cmd = nil
	}
	r.tidy()
	result, err := readResult(r.dir)
	if err == nil {
		return result, nil
	}
	n := kill(func() []process { return strays(r.job) })
	why := "its supervisor ended without a word" + said(filepath.Join(r.dir, logFile))
	if !errors.Is(err, errNoResult) {
		why = "its result cannot be read: " + err.Error()
	}
	lost := end(Lost, why)
	lost.Left = n
	return lost, nil
}

// tidy removes what was only for the run: scripts and files that were put may
// hold secrets, and the spool stays as long as the job is remembered.
func (r *Run) tidy() {
	used, _ := filepath.Glob(filepath.Join(r.dir, putFile+"[0-9]*"))
	for _, path := range append(used, filepath.Join(r.dir, scriptFile), filepath.Join(r.dir, taskFile)) {
		os.Remove(path) // or Remove takes it with the rest
	}
}

// awaitEnd reads until there is nobody who could write.
func (r *Run) awaitEnd(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.alive.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var b [64]byte
	for {
		_, err := r.alive.Read(b[:])
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded): // left by a Wait that was ended
			r.alive.SetReadDeadline(time.Time{})
		default:
			return fmt.Errorf("watch job %s: %w", r.job, err)
		}
	}
}

// Cancel ends a run that is under way: TERM, and KILL after a grace. It comes
// back at once; Wait gives the result. ErrGone: it has ended already.
func (r *Run) Cancel() error {
	control, err := openFIFO(filepath.Join(r.dir, controlFile), os.O_WRONLY)
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, fs.ErrNotExist) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("cancel job %s: %w", r.job, err)
	}
	defer control.Close()
	if _, err := control.Write([]byte{wordCancel}); err != nil {
		return fmt.Errorf("cancel job %s: %w", r.job, err)
	}
	return nil
}

// Output opens the output of a job so far, for ReadFrame. It is fs.ErrNotExist
// if there is none.
func (r Runner) Output(id ID) (*os.File, error) {
	return os.Open(filepath.Join(r.spool(id), outputPath))
}

// Remove deletes the spool of a job that has ended.
func (r Runner) Remove(id ID) error {
	err := os.RemoveAll(r.spool(id))
	away, _ := filepath.Glob(r.spool(id) + ".*")
	for _, dir := range away {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
