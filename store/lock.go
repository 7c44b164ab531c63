package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// LockFile is the file in the data directory that a running agent holds.
const LockFile = "lock"

// A DirLock keeps other agents out of a data directory. The kernel drops it
// with the process, however that ends.
type DirLock struct{ file *os.File }

// LockDir makes the directory if need be and locks it. If another process has
// it, the error names that process.
func LockDir(dir string) (*DirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	path := filepath.Join(dir, LockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data directory %s: in use by %s; stop it, or give this agent a data directory of its own",
				dir, holder(file))
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	// The number is for people. The disk may be full: the lock holds without.
	if file.Truncate(0) == nil {
		fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return &DirLock{file}, nil
}

func holder(file *os.File) string {
	text := make([]byte, 20)
	n, _ := file.Read(text)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return "the process with pid " + pid
	}
	return "another process"
}

// Close lets others in. The file stays: removing it would let two in.
func (l *DirLock) Close() error { return l.file.Close() }
