package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/sys/unix"
)

// ErrDamaged is why a directory cannot be used as it is.
var ErrDamaged = errors.New("the store is damaged")

// format is the version of what is written here, and of what node makes of it.
// Badger refuses a directory with another, and it is moved aside.
const format = 2

// unclean is a file that is there while the store is open, and stays if it was
// not closed: then the next start looks more closely.
const unclean = "unclean"

// A Config is all optional.
type Config struct {
	Logger *slog.Logger
	// Floor is how many bytes must be free on the file system; 0 stands for 2
	// %, but 64 to 256 MiB.
	Floor uint64
	// Probe looks at a directory that was not closed, in another process: see
	// Child. A damaged table can make badger panic on a goroutine of its own.
	Probe func(dir string) error
}

// OpenOrQuarantine is Open, but a damaged directory is moved aside, to
// <dir>.damaged-<n>, and the store begins empty. moved is where, or empty.
func OpenOrQuarantine(dir string, cfg Config) (s *Store, moved string, err error) {
	s, err = open(dir, cfg, true)
	if !errors.Is(err, ErrDamaged) {
		return s, "", err
	}
	cause := err
	if moved, err = quarantine(dir); err != nil {
		return nil, "", fmt.Errorf("move %s aside: %w (%w)", dir, err, cause)
	}
	cfg.logger().Error("store was damaged and begins empty", "dir", dir, "moved_to", moved, "err", cause)
	s, err = open(dir, cfg, false)
	return s, moved, err
}

// Open opens the store in a directory, and makes it if need be. The error is
// ErrNoSpace, ErrDamaged, or says what a person must do.
func Open(dir string, cfg Config) (*Store, error) {
	return open(dir, cfg, false)
}

func open(dir string, cfg Config, look bool) (*Store, error) {
	if err := ready(dir, cfg); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	marker := filepath.Join(dir, unclean)
	if _, err := os.Stat(marker); err == nil && look && cfg.Probe != nil {
		if err := cfg.Probe(dir); err != nil {
			return nil, fmt.Errorf("open store %s: %w", dir, err)
		}
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	db, err := openBadger(dir, cfg)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if err := verify(db); err != nil {
		db.Close()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return start(dir, cfg, db), nil
}

// verify reads all tables, some 20 MB for the catalog of 1,000 hosts. Badger
// passes over a block that it cannot read without a word, and what was in it
// would never have been.
func verify(db *badger.DB) (err error) {
	defer recovered(&err) // it panics on what it is looking for
	if err := db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return nil
}

// ready finds what badger would not survive, or would not say clearly.
func ready(dir string, cfg Config) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	switch err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); {
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("no access to the directory: %w; give it to the user that runs the agent: chown -R USER %s", err, dir)
	case err != nil:
		return fmt.Errorf("no access to the directory: %w", err)
	}
	if err := roomIn(dir, cfg.Floor, false); err != nil {
		return err
	}
	return manifestIn(dir)
}

// manifestIn refuses tables without a manifest: badger would delete them.
func manifestIn(dir string) error {
	_, err := os.Stat(filepath.Join(dir, badger.ManifestFilename))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		return err
	}
	return fmt.Errorf("%w: %d tables, but no %s", ErrDamaged, len(tables), badger.ManifestFilename)
}

func openBadger(dir string, cfg Config) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: badger panicked: %v", ErrDamaged, p)
		}
	}()
	db, err = badger.Open(badgerOptions(dir, cfg.logger()))
	if err == nil {
		return db, nil
	}
	// Badger cuts the chain of errors, so the causes that are not damage are
	// known by what they say.
	for _, cause := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOSPC, unix.EACCES, unix.EPERM, unix.EROFS, unix.EIO, unix.EDQUOT} {
		if strings.Contains(err.Error(), cause.Error()) {
			return nil, fmt.Errorf("%v: %w", err, cause)
		}
	}
	if strings.Contains(err.Error(), "Cannot acquire directory lock") {
		return nil, errors.New("another process has it open")
	}
	if strings.Contains(err.Error(), "external magic number") {
		return nil, fmt.Errorf("%w for this version of yodel, which keeps format %d: %v", ErrDamaged, format, err)
	}
	return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
}

// badgerOptions keep the agent small: see BenchmarkFootprint. What remains is
// the memtable's arena and the maps of its log.
func badgerOptions(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLog{log}).
		WithMemTableSize(memtable).
		WithNumMemtables(2).
		WithNumLevelZeroTables(levelZeroTables).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).       // fewer are refused
		WithBaseTableSize(1 << 20). // a builder takes twice that, and keeps it for a while
		WithBaseLevelSize(4 << 20).
		WithValueThreshold(memtable * 15 / 100). // above ValueMax: the value log stays empty
		WithValueLogFileSize(16 << 20).
		WithCompression(options.None). // so that no block cache is needed
		WithBlockCacheSize(0).
		WithNumGoroutines(2).
		WithMetricsEnabled(false).  // they are global
		WithDetectConflicts(false). // one writer
		// A flipped bit is then an error of the read, or a bucket that is found
		// short, and not a panic of the compactor.
		WithChecksumVerificationMode(options.OnBlockRead).
		WithExternalMagic(format)
}

// quarantine moves a directory aside and removes the oldest of those that were
// moved before, if there are too many.
func quarantine(dir string) (moved string, err error) {
	number := func(i int) string { return fmt.Sprintf("%s.damaged-%d", dir, i) }
	last := 0
	all, err := filepath.Glob(dir + ".damaged-*")
	if err != nil {
		return "", err
	}
	for _, path := range all {
		var i int
		if _, err := fmt.Sscanf(strings.TrimPrefix(path, dir), ".damaged-%d", &i); err == nil {
			last = max(last, i)
		}
	}
	moved = number(last + 1)
	if err := os.Rename(dir, moved); err != nil {
		return "", err
	}
	if old := last + 1 - damagedKept; old > 0 {
		if err := os.RemoveAll(number(old)); err != nil {
			return "", err
		}
	}
	return moved, syncDir(filepath.Dir(dir))
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger.With("pkg", "store")
}

// badgerLog passes on badger's own words; most are for its developers.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error("badger", "says", said(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("badger", "says", said(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug("badger", "says", said(f, a)) }
func (l badgerLog) Debugf(string, ...any)       {}

func said(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }
