package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// NumberFile is the file in the data directory that bounds the numbers used.
const NumberFile = "number"

const (
	// leaseSize is how many numbers one write allows: an fsync per 65,536
	// entries, and a host can start 65,000 times before numbers need more than
	// four bytes.
	leaseSize = 1 << 16

	// leap is how far above what peers know a lost file is replaced, at least:
	// more than was ever handed out beyond that. As much as scatter comes on
	// top, by lot: a file that is lost twice, with no peer to ask, leads to
	// other numbers each time.
	leap    = 1 << 32
	scatter = 1 << 40
)

// ErrNumbersLost is why numbers cannot be handed out: the file is missing or
// damaged while the identity is an old one.
var ErrNumbersLost = errors.New("the numbers that this host has used are not known")

// A Lease hands out numbers, each once in the life of a data directory, also
// through kill -9 and power cuts: those below a bound that is on disk. A start
// begins at the bound, so it skips what the last one left over.
//
// The file is two slots of a page each, written in turn, each
//
//	0        8         16       20
//	| turn   | bound   | crc32c | zeros up to 4096
//
// so that one is whole whenever the power goes, and a full disk is no
// hindrance: the blocks are there.
type Lease struct {
	mu    sync.Mutex // held over an fsync, once per leaseSize
	file  *os.File
	next  uint64
	bound uint64 // on disk
	turn  uint64 // of the slot written last
}

const slotSize = 4096

// OpenLease opens the numbers of a data directory; born says that its identity
// is a new one, and so are its numbers. If they are lost, the error is
// ErrNumbersLost: ask the mesh for the highest it knows and call RecoverLease.
func OpenLease(dir string, born bool) (*Lease, error) {
	path := filepath.Join(dir, NumberFile)
	turn, bound, err := readLease(path)
	switch {
	case err == nil:
	case born && errors.Is(err, fs.ErrNotExist):
		return newLease(path, 1)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errSlots):
		return nil, fmt.Errorf("open %s: %w (%w): restore the file, or start with peers that know this host, "+
			"or move the whole data directory away to become a new origin", path, ErrNumbersLost, err)
	default:
		return nil, fmt.Errorf("open numbers: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open numbers: %w", err)
	}
	l := &Lease{file: file, next: bound, bound: bound, turn: turn}
	return l, nil
}

// RecoverLease replaces a lost file. known is the highest number of this
// origin that anybody knows. Numbers that nobody had learned of are leapt over.
func RecoverLease(dir string, known uint64) (*Lease, error) {
	return newLease(filepath.Join(dir, NumberFile), known+leap+rand.Uint64N(scatter))
}

// Take hands out count numbers, from first on.
func (l *Lease) Take(count int) (first uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if count < 0 || count > leaseSize {
		return 0, fmt.Errorf("take %d numbers: limit %d", count, leaseSize)
	}
	if err := l.raise(l.next + uint64(count)); err != nil {
		return 0, err
	}
	first = l.next
	l.next += uint64(count)
	return first, nil
}

// Skip makes the next number one above the given.
func (l *Lease) Skip(number uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number < l.next {
		return nil
	}
	if err := l.raise(number + 1); err != nil {
		return err
	}
	l.next = number + 1
	return nil
}

// Close ends handing out. Taking fails afterwards.
func (l *Lease) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = l.bound
	return l.file.Close()
}

// raise makes sure that the bound on disk is at least need. The caller holds
// l.mu.
func (l *Lease) raise(need uint64) error {
	if need <= l.bound {
		return nil
	}
	bound := need + leaseSize
	if err := writeSlot(l.file, l.turn+1, bound); err != nil {
		return fmt.Errorf("raise the bound of numbers: %w", err)
	}
	l.turn, l.bound = l.turn+1, bound
	return nil
}

func newLease(path string, first uint64) (*Lease, error) {
	// The file appears with both its slots or not at all.
	temp := path + ".new"
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make numbers: %w", err)
	}
	l := &Lease{file: file, next: first, bound: first, turn: 1}
	err = errors.Join(writeSlot(file, 0, first), writeSlot(file, 1, first))
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make numbers: %w", err), file.Close(), os.Remove(temp))
	}
	return l, nil
}

func writeSlot(file *os.File, turn, bound uint64) error {
	slot := make([]byte, slotSize)
	binary.BigEndian.PutUint64(slot, turn)
	binary.BigEndian.PutUint64(slot[8:], bound)
	binary.BigEndian.PutUint32(slot[16:], crc32.Checksum(slot[:16], castagnoli))
	if _, err := file.WriteAt(slot, int64(turn%2)*slotSize); err != nil {
		return err
	}
	return file.Sync()
}

var errSlots = errors.New("no slot of the file is whole")

func readLease(path string) (turn, bound uint64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	err = errSlots
	for i := range int64(2) {
		slot := make([]byte, 20)
		if _, failed := file.ReadAt(slot, i*slotSize); failed != nil {
			continue // shorter than it was made
		}
		t, b := binary.BigEndian.Uint64(slot), binary.BigEndian.Uint64(slot[8:])
		if crc32.Checksum(slot[:16], castagnoli) != binary.BigEndian.Uint32(slot[16:]) || t%2 != uint64(i) {
			continue
		}
		if err != nil || b > bound {
			turn, bound, err = t, b, nil
		}
	}
	return turn, bound, err
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
