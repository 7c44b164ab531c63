package store

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrNoSpace is why nothing is written: the file system is too full for badger
// to be safe.
var ErrNoSpace = errors.New("too little free space")

// space is what a file system has left, in bytes.
type space struct{ free, total uint64 }

func spaceIn(dir string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return space{}, fmt.Errorf("look at free space of %s: %w", dir, err)
	}
	block := uint64(st.Bsize)
	return space{free: uint64(st.Bavail) * block, total: uint64(st.Blocks) * block}, nil
}

// floorOf is how much must be free.
func floorOf(total uint64) uint64 {
	return min(max(total/floorShare, floorMin), floorMax)
}

// roomIn is nil if there is space to write in dir, and ErrNoSpace if not.
// After that it takes a quarter more, or writing would stop and go.
func roomIn(dir string, floor uint64, wasFull bool) error {
	s, err := spaceIn(dir)
	if err != nil {
		return err
	}
	if floor == 0 {
		floor = floorOf(s.total)
	}
	if wasFull {
		floor += floor / 4
	}
	if s.free < floor {
		return fmt.Errorf("%w: %d MB free on the file system of %s, %d MB needed", ErrNoSpace, s.free>>20, dir, (floor+1<<20-1)>>20)
	}
	return nil
}
