package jobs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A spool is the directory of one run, named by its job:
//
//	task     what to do, for the supervisor
//	script   the script, if there is one
//	put0 ... the files to put
//	output   frames, see Frame
//	result   as large as it will ever be before the start, so that a full disk
//	         cannot keep the end of a run from being written
//	alive    a FIFO that the supervisor holds open: its end is the end of that
//	control  a FIFO by which it is told to end
//	log      what the supervisor itself had to say; empty
//
// Only the agent's user can look into it.
const (
	taskFile    = "task"
	scriptFile  = "script"
	putFile     = "put" // and a number
	outputPath  = "output"
	resultFile  = "result"
	aliveFile   = "alive"
	controlFile = "control"
	logFile     = "log"
)

const (
	taskForm   = "yodel-task-1"
	resultForm = "yodel-result-1"
	taskMax    = 1 << 20
	resultSize = 4096 // bytes of the file; a result has at most 700
)

// A task is all that a supervisor needs to know: it asks nobody.
type task struct {
	_         struct{} `cbor:",toarray"`
	Job       ID
	Helper    []string // the command that a supervisor is, to put files as the user
	Args      []string // with Script: its arguments
	Script    bool
	Put       []File
	Cwd       string
	Env       []string
	Identity  identity
	Timeout   int64 // nanoseconds
	Grace     int64 // from TERM to KILL, nanoseconds
	Nice      int
	OutputMax int64
	Linger    bool
}

// An identity is whom the command runs as. Switch is false if that is the
// agent's own user.
type identity struct {
	_      struct{} `cbor:",toarray"`
	Switch bool
	UID    uint32
	GID    uint32
	Groups []uint32
}

// makeSpool makes the directory of a run with its fixed files. It fails if it
// exists: nothing is run twice in one.
func makeSpool(dir string, t task) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	b, err := encode(taskForm, t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, taskFile), b, 0o600); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(dir, resultFile), make([]byte, resultSize)); err != nil {
		return err
	}
	return makeFIFOs(dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func readTask(dir string) (task, error) {
	b, err := os.ReadFile(filepath.Join(dir, taskFile))
	if err != nil {
		return task{}, err
	}
	return decode[task](taskForm, taskMax, b)
}

// writeResult writes into the room that was made for it:
//
//	| CRC-32C 4 | length 4 | result |
func writeResult(dir string, r Result) error {
	r.Why, r.Started, r.Ended = shorten(r.Why, whyMax), wireTime(r.Started), wireTime(r.Ended)
	body, err := encode(resultForm, r)
	if err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	if len(b) > resultSize {
		return fmt.Errorf("a result of %d bytes", len(b))
	}
	f, err := os.OpenFile(filepath.Join(dir, resultFile), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// errNoResult: the supervisor did not come so far.
var errNoResult = errors.New("no result")

func readResult(dir string) (Result, error) {
	b, err := os.ReadFile(filepath.Join(dir, resultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, errNoResult
	}
	if err != nil {
		return Result{}, err
	}
	if len(b) < 8 {
		return Result{}, errNoResult
	}
	size := binary.BigEndian.Uint32(b[4:])
	if size == 0 || int(size) > len(b)-8 {
		return Result{}, errNoResult
	}
	body := b[8 : 8+size]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b) {
		return Result{}, errNoResult
	}
	r, err := decode[Result](resultForm, resultSize, body)
	if err != nil || !r.Outcome.Known() {
		return Result{}, errNoResult
	}
	return r, nil
}

func hashInto(w io.Writer, r io.Reader) (h Hash, n int64, err error) {
	sum := sha256.New()
	n, err = io.Copy(io.MultiWriter(w, sum), r)
	return Hash(sum.Sum(nil)), n, err
}

// copyContent writes a content into the spool and makes sure that it is the one
// that was signed.
func copyContent(path string, content io.Reader, want Hash, size int64, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	got, n, err := hashInto(f, io.LimitReader(content, size+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got != want || n != size {
		return fmt.Errorf("its content is not the one that was signed: sha256:%s, want %s", got, want)
	}
	return os.Chmod(path, mode) // whatever the umask
}
