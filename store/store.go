package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// ErrClosed is what a store says after Close.
var ErrClosed = errors.New("store is closed")

// A Store keeps values on disk. Its methods may be called by many at once.
type Store struct {
	dir   string
	db    *badger.DB
	log   *slog.Logger
	floor uint64

	wake  chan struct{}   // capacity 1: there is something to flush
	syncs chan chan error // who waits for a flush
	done  chan struct{}   // closed by Close
	wg    sync.WaitGroup  // the flusher
	users sync.WaitGroup  // who reads

	mu      sync.Mutex // held for moments only
	closed  bool
	pending map[string]waiting // by badger's key
	size    int                // bytes of pending
	serial  uint64
	room    chan struct{} // closed after the next flush; nil: nobody waits
	trouble error         // why the last flush failed
	count   Stats
}

// waiting is a write that is not on disk yet.
type waiting struct {
	value  []byte // nil: a deletion
	bucket string
	serial uint64 // tells it from a later write of the same key
}

func (w waiting) cost(key string) int { return len(key) + len(w.value) + pendingOverhead }

// Stats count since the store was opened.
type Stats struct {
	Puts    uint64 // and deletions
	Flushes uint64
	Failed  uint64 // flushes
	Bad     uint64 // values that did not match their checksum
	Short   uint64 // buckets that were found to have lost keys
	Pending int    // bytes that wait for the disk
}

func start(dir string, cfg Config, db *badger.DB) *Store {
	s := &Store{
		dir: dir, db: db, log: cfg.logger(), floor: cfg.Floor,
		wake: make(chan struct{}, 1), syncs: make(chan chan error), done: make(chan struct{}),
		pending: make(map[string]waiting),
	}
	s.wg.Go(s.flusher)
	return s
}

// Put sets the value of a key in a bucket. It waits only if more than the disk
// takes was put before.
func (s *Store) Put(bucket, key string, value []byte) error {
	if len(value) > ValueMax {
		return fmt.Errorf("put %s/%s: value of %d bytes, limit %d", bucket, key, len(value), ValueMax)
	}
	return s.enqueue("put", bucket, key, append(make([]byte, 0, len(value)), value...))
}

// Delete removes a key, if it is there.
func (s *Store) Delete(bucket, key string) error {
	return s.enqueue("delete", bucket, key, nil)
}

func (s *Store) enqueue(verb, bucket, key string, value []byte) error {
	err := checkName(bucket, key)
	if err == nil {
		err = s.admit(bucket, string(bucketPrefix(bucket))+key, value)
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", verb, bucket, key, err)
	}
	return nil
}

// admit takes a write in, waiting for room if the disk is only slow.
func (s *Store) admit(bucket, key string, value []byte) error {
	var timeout <-chan time.Time
	for {
		room, err := s.tryAdmit(bucket, key, value)
		if room == nil || err != nil {
			return err
		}
		if timeout == nil {
			timer := time.NewTimer(roomTimeout)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-room:
		case <-timeout:
			return fmt.Errorf("%d bytes wait for the disk, limit %d", pendingMax, pendingMax)
		}
	}
}

// tryAdmit takes a write in, or says what to wait for.
func (s *Store) tryAdmit(bucket, key string, value []byte) (room <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	w := waiting{value: value, bucket: bucket, serial: s.serial + 1}
	size := s.size + w.cost(key)
	if old, ok := s.pending[key]; ok {
		size -= old.cost(key)
	}
	if size > pendingMax {
		if s.trouble != nil {
			return nil, fmt.Errorf("%d bytes wait for the disk, limit %d: %w", s.size, pendingMax, s.trouble)
		}
		s.nudge()
		if s.room == nil {
			s.room = make(chan struct{})
		}
		return s.room, nil
	}
	s.serial++
	s.count.Puts++
	s.pending[key], s.size = w, size
	s.nudge()
	return nil, nil
}

// nudge wakes the flusher.
func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Sync comes back when all that was put before is safe from a power cut.
func (s *Store) Sync() error {
	answer := make(chan error, 1)
	select {
	case s.syncs <- answer:
		return <-answer
	case <-s.done:
		return ErrClosed
	}
}

// Status is nil, or why what is put does not reach the disk.
func (s *Store) Status() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.trouble
}

// Stats answers at once.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.count
	stats.Pending = s.size
	return stats
}

// Close writes what waits and closes the store. What could not be written is
// an error.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.done)
	s.wg.Wait()
	s.users.Wait()

	s.mu.Lock()
	err := s.trouble
	s.mu.Unlock()
	// Closing badger writes its memtable. On a full disk that would be a
	// SIGBUS; left open, it is all in the log that the next start replays.
	if room := roomIn(s.dir, closeSpace, false); room != nil {
		return errors.Join(err, fmt.Errorf("close store %s: left as after a crash: %w", s.dir, room))
	}
	if closing := s.db.Close(); closing != nil {
		return errors.Join(err, fmt.Errorf("close store %s: %v", s.dir, closing))
	}
	if s.Stats().Short > 0 {
		return err // the next start looks more closely
	}
	return errors.Join(err, os.Remove(filepath.Join(s.dir, unclean)))
}
