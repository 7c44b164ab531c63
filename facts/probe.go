package facts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// mountTimeout is how long a file system may take to say its size. A local one
// takes microseconds, an NFS server in another building milliseconds.
const mountTimeout = 500 * time.Millisecond

// hungMax bounds the system threads lost to file systems that hang: statfs on
// a dead server cannot be interrupted, so each keeps one until it answers.
const hungMax = 16

var (
	errHung    = errors.New("does not answer (dead server?)")
	errTooHung = fmt.Errorf("not asked, %d mounts hang already", hungMax)
)

// usage is the size of a file system, in bytes.
type usage struct{ size, used uint64 }

// A probe asks file systems how full they are without waiting for one that
// hangs. A hung question is remembered and not asked again until it returns.
type probe struct {
	statfs func(path string) (usage, error)

	mu   sync.Mutex
	hung map[string]bool // asked and not answered
}

func newProbe(f func(string) (usage, error)) *probe {
	return &probe{statfs: f, hung: map[string]bool{}}
}

// ask waits for at most mountTimeout. Its goroutine ends when the system call
// does, which for a dead server may be never; hungMax bounds them.
func (p *probe) ask(ctx context.Context, path string) (usage, error) {
	if err := p.begin(path); err != nil {
		return usage{}, err
	}
	type answer struct {
		u   usage
		err error
	}
	answers := make(chan answer, 1) // the asker may have gone
	go func() {
		u, err := p.statfs(path)
		p.end(path)
		answers <- answer{u, err}
	}()
	late := time.NewTimer(mountTimeout)
	defer late.Stop()
	select {
	case a := <-answers:
		return a.u, a.err
	case <-late.C:
		return usage{}, errHung
	case <-ctx.Done():
		return usage{}, ctx.Err()
	}
}

func (p *probe) begin(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hung[path] {
		return errHung
	}
	if len(p.hung) >= hungMax {
		return errTooHung
	}
	p.hung[path] = true
	return nil
}

func (p *probe) end(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.hung, path)
}

func statfs(path string) (usage, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(path, &s)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return usage{}, err
		}
		break
	}
	unit := uint64(s.Frsize)
	if unit == 0 {
		unit = uint64(s.Bsize)
	}
	return usage{size: s.Blocks * unit, used: (s.Blocks - min(s.Bfree, s.Blocks)) * unit}, nil
}
