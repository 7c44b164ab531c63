package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func mustLease(t testing.TB, dir string, born bool) *Lease {
	t.Helper()
	l, err := OpenLease(dir, born)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustTake(t testing.TB, l *Lease, count int) uint64 {
	t.Helper()
	n, err := l.Take(count)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever is asked, and however often the process ends without a word, no
// number is handed out twice and they only grow.
func TestNumbersAreHandedOutOnce(t *testing.T) {
	dir := t.TempDir()
	l := mustLease(t, dir, true)
	random := rand.New(rand.NewPCG(5, 6))
	last := uint64(0)
	for range 3000 {
		switch random.IntN(10) {
		default:
			count := random.IntN(leaseSize / 8)
			first := mustTake(t, l, count)
			if first <= last {
				t.Fatalf("took %d after %d", first, last)
			}
			last = first + uint64(count) - 1
			last = max(last, first-1)
		case 0:
			l = mustLease(t, dir, random.IntN(2) == 0) // the old one is just forgotten
		case 1:
			to := last + random.Uint64N(3*leaseSize)
			if err := l.Skip(to); err != nil {
				t.Fatal(err)
			}
			last = max(last, to)
		case 2:
			if err := l.Skip(random.Uint64N(last + 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNumbersSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	mustLease(t, dir, true)
	last := uint64(0)
	for range 5 {
		for _, n := range killed(t, "take", dir, 7) {
			if n <= last {
				t.Fatalf("took %d after %d", n, last)
			}
			last = n + leaseSize/3 - 1
		}
	}
}

// A write that was cut anywhere leaves the other slot, and so the bound before
// it: numbers below that bound are all that had been handed out.
func TestTornWriteLeavesTheBoundBefore(t *testing.T) {
	for cut := range 24 {
		dir := t.TempDir()
		path := filepath.Join(dir, NumberFile)
		l := mustLease(t, dir, true)
		mustTake(t, l, 10)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		handed := l.bound
		mustTake(t, l, leaseSize)
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		slot := int(l.turn%2) * slotSize
		torn := append([]byte{}, before...)
		copy(torn[slot:slot+cut], after[slot:])
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		again := mustLease(t, dir, false)
		if n := mustTake(t, again, 1); n < handed {
			t.Errorf("cut after %d bytes: next is %d, bound was %d", cut, n, handed)
		}
	}
}

func TestLostNumbersAreNotGuessed(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"zeroed":  func(path string) error { return os.WriteFile(path, make([]byte, 2*slotSize), 0o600) },
		"garbage": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 2*slotSize)), 0o600) },
	} {
		dir := t.TempDir()
		l := mustLease(t, dir, true)
		mustTake(t, l, 1000)
		if err := damage(filepath.Join(dir, NumberFile)); err != nil {
			t.Fatal(err)
		}
		_, err := OpenLease(dir, false)
		if !errors.Is(err, ErrNumbersLost) {
			t.Errorf("%s: %v", name, err)
		}
		wantError(t, err, "restore the file, or start with peers that know this host")
		if l, err = RecoverLease(dir, 900); err != nil {
			t.Fatal(err)
		}
		if n := mustTake(t, l, 1); n <= 1000 {
			t.Errorf("%s: recovered to %d, below what was used", name, n)
		}
		l.Close()
		mustLease(t, dir, false)
	}
}

func TestLeaseAtItsLimits(t *testing.T) {
	l := mustLease(t, t.TempDir(), true)
	if _, err := l.Take(leaseSize + 1); err == nil {
		t.Error("took more than a lease")
	}
	if n := mustTake(t, l, leaseSize); n != 1 {
		t.Errorf("first number %d", n)
	}
	l.Close()
	if n, err := l.Take(1); err == nil {
		t.Errorf("took %d after Close", n)
	}
}

// A full disk keeps nobody from the next number: its blocks are there.
func TestNumbersGoOnOnAFullDisk(t *testing.T) {
	dir := mustTmpfs(t, 1)
	l := mustLease(t, dir, true)
	fill(t, dir, 0)
	for range 5 {
		mustTake(t, l, leaseSize)
	}
	if mustTake(t, mustLease(t, dir, false), 1) <= 5*leaseSize {
		t.Error("the bound did not move")
	}
}

func TestDirectoryLockNamesTheHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = LockDir(dir)
	wantError(t, err, "lock data directory "+dir+": in use by the process with pid "+strconv.Itoa(os.Getpid()))
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := LockDir(filepath.Join(dir, LockFile)); err == nil {
		t.Error("locked a file as a directory")
	}
}

// FuzzLeaseFile: whatever the file holds, it is a bound that was written or
// the numbers are lost.
func FuzzLeaseFile(f *testing.F) {
	dir := f.TempDir()
	l := mustLease(f, dir, true)
	mustTake(f, l, 1)
	good, err := os.ReadFile(filepath.Join(dir, NumberFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 0)
	f.Add(good[:slotSize], 3)
	f.Add([]byte{}, 0)
	bounds := map[uint64]bool{1: true, l.bound: true}
	f.Fuzz(func(t *testing.T, content []byte, flip int) {
		if flip >= 0 && flip < len(content) {
			content[flip] ^= 0x10
		}
		path := filepath.Join(t.TempDir(), NumberFile)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, bound, err := readLease(path)
		if err != nil && !errors.Is(err, errSlots) || err == nil && !bounds[bound] {
			t.Errorf("bound %d, %v", bound, err)
		}
	})
}
