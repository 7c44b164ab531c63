package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// tiny is a floor that a test machine always has.
const tiny = 1 << 20

func mustOpen(t testing.TB, dir string, cfg Config) *Store {
	t.Helper()
	if cfg.Floor == 0 {
		cfg.Floor = tiny
	}
	if cfg.Logger == nil && testing.Verbose() {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	s, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustPut(t testing.TB, s *Store, bucket, key, value string) {
	t.Helper()
	if err := s.Put(bucket, key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func mustSync(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
}

// content is a bucket as "key=value" in the order of Each.
func content(s *Store, bucket, prefix string) (all []string, err error) {
	err = s.Each(bucket, prefix, func(key string, value []byte) error {
		all = append(all, key+"="+string(value))
		return nil
	})
	return all, err
}

func wantContent(t testing.TB, s *Store, bucket, prefix string, want ...string) {
	t.Helper()
	if got, err := content(s, bucket, prefix); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s/%s*: got %q, %v; want %q", bucket, prefix, got, err, want)
	}
}

func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestWhatIsPutComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "store")
	s := mustOpen(t, dir, Config{})
	look := func() {
		t.Helper()
		wantContent(t, s, "a", "", "k1=one", "k2=", "l=three")
		wantContent(t, s, "a", "k", "k1=one", "k2=")
		wantContent(t, s, "ab", "", "k1=other")
		wantContent(t, s, "b", "")
	}
	mustPut(t, s, "a", "l", "three")
	mustPut(t, s, "a", "k2", "")
	mustPut(t, s, "a", "k1", "old")
	mustPut(t, s, "a", "k1", "one")
	mustPut(t, s, "a", "gone", "x")
	mustPut(t, s, "ab", "k1", "other")
	if err := errors.Join(s.Delete("a", "gone"), s.Delete("a", "never")); err != nil {
		t.Fatal(err)
	}
	look() // from memory
	mustSync(t, s)
	look() // from disk
	mustPut(t, s, "a", "k1", "new")
	mustPut(t, s, "a", "k0", "first")
	if err := s.Delete("a", "l"); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, "a", "", "k0=first", "k1=new", "k2=") // both, laid over each other
	mustPut(t, s, "a", "k1", "one")
	mustPut(t, s, "a", "l", "three")
	if err := s.Delete("a", "k0"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if err := s.Put("a", "k", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after Close: %v", err)
	}
	if _, err := content(s, "a", ""); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if err := errors.Join(s.Sync(), s.Status()); !errors.Is(err, ErrClosed) {
		t.Errorf("sync after Close: %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, dir, Config{})
	look()
}

// Any sequence of writes, syncs and restarts leaves what a map would hold.
func TestStoreIsAMap(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Config{})
	random := rand.New(rand.NewPCG(1, 2))
	model := make(map[string]string)
	for step := range 2000 {
		key := fmt.Sprintf("%02d", random.IntN(60))
		switch random.IntN(20) {
		default:
			value := strings.Repeat(key, random.IntN(200))
			mustPut(t, s, "b", key, value)
			model[key] = value
		case 0, 1, 2, 3:
			if err := s.Delete("b", key); err != nil {
				t.Fatal(err)
			}
			delete(model, key)
		case 4:
			mustSync(t, s)
		case 5:
			if step%10 == 0 {
				mustClose(t, s)
				s = mustOpen(t, dir, Config{})
			}
		case 6, 7:
			var want []string
			for _, k := range slices.Sorted(maps.Keys(model)) {
				want = append(want, k+"="+model[k])
			}
			wantContent(t, s, "b", "", want...)
		}
		if t.Failed() {
			t.Fatalf("at step %d", step)
		}
	}
}

func TestLimitsAreErrors(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	for want, err := range map[string]error{
		"put b/k: value of 131073 bytes, limit 131072": s.Put("b", "k", make([]byte, ValueMax+1)),
		"key of 0 bytes, limit 1 to 512":               s.Put("b", "", nil),
		"key of 513 bytes, limit 1 to 512":             s.Delete("b", strings.Repeat("k", KeyMax+1)),
		"bucket name of 0 bytes, limit 1 to 32":        s.Put("", "k", nil),
		"bucket name of 33 bytes, limit 1 to 32":       s.Put(strings.Repeat("b", BucketMax+1), "k", nil),
	} {
		wantError(t, err, want)
	}
	// The largest of all fits a transaction.
	key := strings.Repeat("k", KeyMax)
	if err := s.Put(strings.Repeat("b", BucketMax), key, make([]byte, ValueMax)); err != nil {
		t.Fatal(err)
	}
	mustSync(t, s)
}

func TestWritesReachTheDiskWithinASecond(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), Config{})
	mustPut(t, s, "b", "k", "v")
	deadline := time.Now().Add(3 * time.Second)
	for s.Stats().Pending > 0 {
		if time.Now().After(deadline) {
			t.Fatal("still waiting")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := s.Stats().Flushes; n != 1 {
		t.Errorf("%d flushes for one write", n)
	}
}

// Many writers put more than may wait: they wait for the disk instead.
func TestABurstIsTakenInBoundedMemory(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), Config{})
	value := strings.Repeat("x", 64<<10)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 128 { // 32 MiB in all
				if err := s.Put("b", fmt.Sprintf("%d-%d", w, i), []byte(value)); err != nil {
					t.Error(err)
				}
				if n := s.Stats().Pending; n > pendingMax {
					t.Errorf("%d bytes wait, limit %d", n, pendingMax)
				}
			}
		})
	}
	wg.Wait()
	all, err := content(s, "b", "")
	if len(all) != 512 || err != nil {
		t.Errorf("%d of 512 came back, %v", len(all), err)
	}
}

// What is put while an older value is on its way to the disk is not taken for
// written.
func TestTheLastWriteWins(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := s.Sync(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := range 300 {
		mustPut(t, s, "b", "k", "older")
		time.Sleep(rand.N(300 * time.Microsecond)) // to the middle of a flush, at times
		mustPut(t, s, "b", "k", fmt.Sprint(i))
		for flushes := s.Stats().Flushes; s.Stats().Flushes < flushes+2; {
			time.Sleep(10 * time.Microsecond)
		}
		if got, err := content(s, "b", ""); err != nil || !slices.Equal(got, []string{fmt.Sprintf("k=%d", i)}) {
			t.Fatalf("put %d, got %q, %v", i, got, err)
		}
	}
	close(done)
	wg.Wait()
}

func TestEachMayWriteAndStop(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	for i := range 10 {
		mustPut(t, s, "b", fmt.Sprint(i), "v")
	}
	mustSync(t, s)
	stop := errors.New("enough")
	n := 0
	err := s.Each("b", "", func(key string, _ []byte) error {
		if n++; n == 5 {
			return stop
		}
		mustPut(t, s, "b", "new"+key, "v")
		return s.Delete("b", key)
	})
	if !errors.Is(err, stop) || n != 5 {
		t.Errorf("stopped with %v after %d", err, n)
	}
	if all, err := content(s, "b", ""); len(all) != 10 || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	func() {
		defer func() {
			if recover() != "mine" {
				t.Error("the caller's panic was taken for damage")
			}
		}()
		s.Each("b", "", func(string, []byte) error { panic("mine") })
	}()
}

func TestTrimKeepsTheHighest(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	for i := range 100 {
		mustPut(t, s, "log", fmt.Sprintf("%03d", i), "")
		if i == 50 {
			mustSync(t, s)
		}
	}
	if err := s.Trim("log", 3); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, "log", "", "097=", "098=", "099=")
}

// A damaged value is passed over and said to be; the others come back.
func TestDamagedValueIsPassedOver(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	for i := range 3 {
		mustPut(t, s, "b", fmt.Sprint(i), "value")
	}
	mustSync(t, s)
	key := append(bucketPrefix("b"), '1')
	err := s.db.Update(func(txn *badger.Txn) error {
		return txn.Set(key, seal(append(bucketPrefix("b"), '2'), []byte("value"))) // another key's
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := content(s, "b", "")
	if !slices.Equal(all, []string{"0=value", "2=value"}) || !errors.Is(err, ErrDamaged) {
		t.Errorf("got %q, %v", all, err)
	}
	wantError(t, err, `1 values, such as ["1"]`)
	if s.Stats().Bad != 1 {
		t.Errorf("counted %+v", s.Stats())
	}
	mustPut(t, s, "b", "1", "again")
	wantContent(t, s, "b", "", "0=value", "1=again", "2=value")
}

// Keys that are gone without having been deleted are missed.
func TestLostKeysAreMissed(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	mustPut(t, s, "b", "1", "x")
	mustPut(t, s, "b", "2", "x")
	mustSync(t, s)
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Delete(append(bucketPrefix("b"), '1')) }); err != nil {
		t.Fatal(err)
	}
	_, err := content(s, "b", "")
	wantError(t, err, "bucket b has 1 keys, and had 2")
	if _, err := content(s, "b", "2"); err != nil {
		t.Errorf("a prefix has no count: %v", err)
	}
}

func TestDirectoryIsForOne(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Config{})
	_, err := Open(dir, Config{Floor: tiny})
	wantError(t, err, "another process has it open")
	if _, _, err := OpenOrQuarantine(dir, Config{Floor: tiny}); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a store in use: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("it was moved away: %v", err)
	}
}

func TestUnreadableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "store"), Config{}); err == nil {
		t.Error("opened below a file")
	}
	if os.Getuid() != 0 {
		dir := filepath.Join(t.TempDir(), "store")
		if err := os.Mkdir(dir, 0); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Config{Floor: tiny})
		wantError(t, err, "no access to the directory")
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("not a permission error: %v", err)
		}
		return
	}
	// Root may do everything: let another user try, in another process.
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(os.TempDir(), filepath.Base(dir)+filepath.Base(os.Args[0]))
	copyFile(t, os.Args[0], program)
	defer os.Remove(program)
	cmd := child(t, "open", dir)
	cmd.Path = program
	asNobody(cmd)
	output, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "permission denied") && !strings.Contains(string(output), "no access") {
		t.Errorf("another user: %v: %s", err, output)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// child is this test binary, doing something else: see TestMain.
func child(t testing.TB, what, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+what, "STORE_TEST_DIR="+dir)
	return cmd
}
