package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// TestMain makes this binary a process that can be killed, or probe a store.
func TestMain(m *testing.M) {
	dir := os.Getenv("STORE_TEST_DIR")
	if len(os.Args) == 3 && os.Args[1] == "probe" {
		dir = os.Args[2]
	}
	var err error
	switch os.Getenv("STORE_TEST_CHILD") {
	case "":
		if len(os.Args) != 3 || os.Args[1] != "probe" {
			os.Exit(m.Run())
		}
		err = Probe(dir)
	case "open":
		_, err = Open(dir, Config{Floor: tiny})
	case "write":
		err = writeForEver(dir)
	case "idle":
		err = idle(dir)
	case "fill":
		err = fillToTheBrim(dir)
	case "take":
		err = takeForEver(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, ErrDamaged) {
			os.Exit(ProbeDamaged)
		}
		os.Exit(1)
	}
}

// writeForEver puts 0, 1, 2, ... and says after each Sync how far it is.
func writeForEver(dir string) error {
	s, err := Open(dir, Config{Floor: tiny})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := s.Put("b", fmt.Sprintf("%08d", i), []byte(strings.Repeat("x", 1000))); err != nil {
			return err
		}
		if i%20 == 19 {
			if err := s.Sync(); err != nil {
				return err
			}
			fmt.Println(i)
		}
	}
}

func takeForEver(dir string) error {
	l, err := OpenLease(dir, false)
	if err != nil {
		return err
	}
	for {
		n, err := l.Take(leaseSize / 3)
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// killed runs a child until it has said count lines, kills it without notice,
// and answers with all that it said.
func killed(t testing.TB, what, dir string, count int) (said []uint64) {
	t.Helper()
	cmd := child(t, what, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // cut off
		}
		said = append(said, n)
		if len(said) == count {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(said) < count {
		t.Fatalf("child ended early: %s", words.String())
	}
	return said
}

func TestKillLosesNothingThatWasSynced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		said := killed(t, "write", dir, 5+20*round)
		s, moved, err := OpenOrQuarantine(dir, Config{Floor: tiny, Probe: Child(os.Args[0], "probe")})
		if err != nil || moved != "" {
			t.Fatalf("round %d: moved to %q, %v", round, moved, err)
		}
		all, err := content(s, "b", "")
		if want := int(said[len(said)-1]) + 1; err != nil || len(all) < want {
			t.Errorf("round %d: %d keys, %v; %d were synced", round, len(all), err, want)
		}
		mustClose(t, s)
	}
}

// filled is a closed store with tables on disk.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	s := mustOpen(t, dir, Config{})
	for i := range 300 {
		mustPut(t, s, "b", fmt.Sprintf("%04d", i), strings.Repeat("v", 1000))
	}
	mustClose(t, s)
	return dir
}

func tableIn(t *testing.T, dir string) string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no table: %v", err)
	}
	return tables[0]
}

// change rewrites part of a file; negative offsets count from its end.
func change(t *testing.T, path string, offset int64, b []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if offset < 0 {
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		offset += info.Size()
	}
	if _, err := file.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedStoreIsMovedAside(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"manifest gone", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, badger.ManifestFilename)) }},
		{"manifest flipped", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, badger.ManifestFilename), 20, []byte{0xff, 0xfe})
		}},
		{"table gone", func(t *testing.T, dir string) { os.Remove(tableIn(t, dir)) }},
		{"table empty", func(t *testing.T, dir string) { os.Truncate(tableIn(t, dir), 0) }},
		{"block flipped", func(t *testing.T, dir string) { change(t, tableIn(t, dir), 5000, []byte("flipped!")) }},
		{"first block flipped", func(t *testing.T, dir string) { change(t, tableIn(t, dir), 30, []byte("flipped!")) }},
		{"index flipped", func(t *testing.T, dir string) { change(t, tableIn(t, dir), -200, []byte("flipped!")) }},
		{"footer zeroed", func(t *testing.T, dir string) {
			change(t, tableIn(t, dir), -64, make([]byte, 64))
			// As the process finds it that was started after the one that died.
			os.WriteFile(filepath.Join(dir, unclean), nil, 0o600)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t)
			c.damage(t, dir)
			if _, err := os.Stat(filepath.Join(dir, unclean)); err != nil {
				if _, err := Open(dir, Config{Floor: tiny}); !errors.Is(err, ErrDamaged) {
					t.Fatalf("Open: %v, want %v", err, ErrDamaged)
				}
				if n, _ := filepath.Glob(filepath.Join(dir, "*")); len(n) < 3 {
					t.Errorf("Open has emptied the directory: %q", n)
				}
			}
			s, moved, err := OpenOrQuarantine(dir, Config{Floor: tiny, Probe: Child(os.Args[0], "probe")})
			if err != nil || moved != dir+".damaged-1" {
				t.Fatalf("moved to %q, %v", moved, err)
			}
			if n, _ := filepath.Glob(filepath.Join(moved, "*")); len(n) < 3 {
				t.Errorf("moved without its content: %q", n)
			}
			wantContent(t, s, "b", "")
			mustPut(t, s, "b", "k", "fresh")
			mustClose(t, s)
		})
	}
}

// A store of another version is moved aside as a damaged one is, and the error
// says which it is.
func TestStoreOfAnotherFormat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	db, err := badger.Open(badgerOptions(dir, Config{}.logger()).WithExternalMagic(format - 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, Config{Floor: tiny})
	wantError(t, err, fmt.Sprintf("which keeps format %d", format))
	s, moved, err := OpenOrQuarantine(dir, Config{Floor: tiny})
	if err != nil || moved != dir+".damaged-1" {
		t.Fatalf("moved to %q, %v", moved, err)
	}
	mustPut(t, s, "b", "k", "fresh")
	mustClose(t, s)
}

func TestOnlySomeDamagedStoresAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	for range damagedKept + 2 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := quarantine(dir); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(dir + "*")
	want := []string{dir + ".damaged-3", dir + ".damaged-4", dir + ".damaged-5"}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left: %q, %v; want %q", left, err, want)
	}
}

func TestAStoreThatWasClosedIsNotProbed(t *testing.T) {
	dir := filled(t)
	probed := 0
	cfg := Config{Floor: tiny, Probe: func(string) error { probed++; return nil }}
	s, _, err := OpenOrQuarantine(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if probed != 0 {
		t.Error("probed after a clean end")
	}
	killed(t, "write", dir, 1)
	if s, _, err = OpenOrQuarantine(dir, cfg); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if probed != 1 {
		t.Errorf("probed %d times after a kill", probed)
	}
	// A probe that could not be run, or was not understood, says nothing about
	// the store.
	killed(t, "write", dir, 1)
	for _, probe := range []func(string) error{Child("/nonexistent"), Child("sh", "-c", "exit 2"), Child("sh", "-c", "kill -9 $$")} {
		_, moved, err := OpenOrQuarantine(dir, Config{Floor: tiny, Probe: probe})
		if err == nil || moved != "" || errors.Is(err, ErrDamaged) {
			t.Errorf("without a probe: moved to %q, %v", moved, err)
		}
	}
}

// mustTmpfs mounts a small file system; size is in MiB.
func mustTmpfs(t *testing.T, size int) (dir string) {
	t.Helper()
	need := func(ok bool, why string) {
		t.Helper()
		if !ok && os.Getenv("CI") != "" {
			t.Fatal(why)
		} else if !ok {
			t.Skip(why)
		}
	}
	need(os.Getuid() == 0, "mounting a small file system needs root")
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size))
	need(err == nil, fmt.Sprintf("mount a tmpfs: %v", err))
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves the given number of MiB free.
func fill(t *testing.T, dir string, leave uint64) (undo func()) {
	t.Helper()
	s, err := spaceIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "filler")
	if err := os.WriteFile(path, make([]byte, s.free-leave<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() { os.Remove(path) }
}

func TestFullDiskStopsWritingAndNothingElse(t *testing.T) {
	t.Parallel()
	mount := mustTmpfs(t, 128)
	dir := filepath.Join(mount, "store")
	cfg := Config{Floor: 32 << 20}
	s := mustOpen(t, dir, cfg)
	mustPut(t, s, "b", "before", "x")
	mustSync(t, s)

	empty := fill(t, mount, 16)
	mustPut(t, s, "b", "during", "y")
	if err := s.Sync(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("sync on a full disk: %v", err)
	}
	if err := s.Status(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("status: %v", err)
	}
	wantError(t, s.Status(), "32 MB needed")
	if s.Stats().Pending == 0 {
		t.Error("it was written all the same")
	}
	wantContent(t, s, "b", "", "before=x", "during=y")
	var err error
	for i := 0; err == nil && i < 2*pendingMax/ValueMax; i++ {
		err = s.Put("b", fmt.Sprint(i), make([]byte, ValueMax))
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("put when no more can wait: %v", err)
	}
	if _, err := Open(filepath.Join(mount, "other"), cfg); !errors.Is(err, ErrNoSpace) {
		t.Errorf("open on a full disk: %v", err)
	}

	empty()
	deadline := time.Now().Add(10 * time.Second)
	for s.Status() != nil || s.Stats().Pending > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("there is space again, and after 10 s: %v", s.Status())
		}
		time.Sleep(10 * time.Millisecond)
	}
	empty = fill(t, mount, 8)
	if err := s.Close(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("close on a full disk: %v", err)
	}
	empty()
	// As the next process does. This one still holds badger's lock.
	cmd := exec.Command("cp", "-r", dir, dir+"2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s = mustOpen(t, dir+"2", cfg)
	if all, err := content(s, "b", ""); err != nil || !slices.Contains(all, "during=y") || !slices.Contains(all, "before=x") {
		t.Errorf("%d keys, %v", len(all), err)
	}
}

// resting says whether badger has written all tables that it will make of what
// it was given. What it writes later the floor is for.
func resting(s *Store) bool {
	logs, err := filepath.Glob(filepath.Join(s.dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		return false // a log goes when its table is there
	}
	for _, level := range s.db.Levels() {
		if level.Level == 0 && level.NumTables >= levelZeroTables || level.Score >= 1 || level.Adjusted >= 1 {
			return false
		}
	}
	return true
}

// fillToTheBrim is a disk that another program fills to the last byte while the
// store is open: whatever is done then must not end the process.
func fillToTheBrim(mount string) error {
	dir := filepath.Join(mount, "store")
	s, err := Open(dir, Config{Floor: 32 << 20})
	if err != nil {
		return err
	}
	if err := fillCatalog(s); err != nil {
		return err
	}
	for !resting(s) {
		time.Sleep(10 * time.Millisecond)
	}
	file, err := os.Create(filepath.Join(mount, "filler"))
	if err != nil {
		return err
	}
	for err == nil {
		_, err = file.Write(make([]byte, 64<<10))
	}
	for range 10 {
		if err := s.Put("catalog", "new", make([]byte, 15_000)); err != nil {
			return err
		}
		if err := s.Sync(); !errors.Is(err, ErrNoSpace) {
			return fmt.Errorf("sync: %v", err)
		}
		n := 0
		err := s.Each("catalog", "", func(string, []byte) error { n++; return nil })
		if err != nil || n != 301 {
			return fmt.Errorf("%d keys, %v", n, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := s.Close(); !errors.Is(err, ErrNoSpace) {
		return fmt.Errorf("close: %v", err)
	}
	return nil
}

func TestDiskFullToTheBrimEndsNoProcess(t *testing.T) {
	t.Parallel()
	mount := mustTmpfs(t, 96)
	if output, err := child(t, "fill", mount).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output[:min(len(output), 2000)])
	}
	// The next start, once there is space.
	if _, err := Open(filepath.Join(mount, "store"), Config{Floor: 32 << 20}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("open while it is full: %v", err)
	}
	if err := os.Remove(filepath.Join(mount, "filler")); err != nil {
		t.Fatal(err)
	}
	s, moved, err := OpenOrQuarantine(filepath.Join(mount, "store"), Config{Floor: 32 << 20, Probe: Child(os.Args[0], "probe")})
	if err != nil || moved != "" {
		t.Fatalf("moved to %q, %v", moved, err)
	}
	if all, err := content(s, "catalog", ""); err != nil || len(all) != 300 {
		t.Errorf("%d keys, %v", len(all), err)
	}
	mustClose(t, s)
}

func TestFloor(t *testing.T) {
	for total, want := range map[uint64]uint64{
		1 << 30:   64 << 20,
		5 << 30:   5 << 30 / 50,
		100 << 30: 256 << 20,
	} {
		if got := floorOf(total); got != want {
			t.Errorf("of %d: %d, want %d", total, got, want)
		}
	}
}
