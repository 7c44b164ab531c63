package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// flusher is the one goroutine that writes: flushInterval after the first
// write that waits, sooner if somebody needs it, later while the disk fails.
func (s *Store) flusher() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	var due <-chan time.Time // nil: nothing waits
	retry := retryFirst
	flush := func() error {
		err := s.flush()
		if err == nil {
			retry, due = retryFirst, nil
			return nil
		}
		timer.Reset(retry)
		retry, due = min(2*retry, retryMax), timer.C
		return err
	}
	for {
		select {
		case <-s.wake:
			switch waits := s.Stats().Pending; {
			case waits > flushEarly && s.Status() == nil:
				flush()
			case waits > 0 && due == nil:
				timer.Reset(flushInterval)
				due = timer.C
			}
		case <-due:
			flush()
		case answer := <-s.syncs:
			answer <- flush()
		case <-s.done:
			flush()
			return
		}
	}
}

// flush writes all that waits, and remembers how that went.
func (s *Store) flush() error {
	s.mu.Lock()
	batch := maps.Clone(s.pending)
	before := s.trouble
	s.mu.Unlock()

	written, err := s.write(batch, errors.Is(before, ErrNoSpace))

	s.mu.Lock()
	for _, key := range written {
		// A write that came meanwhile stays.
		if w, ok := s.pending[key]; ok && w.serial == batch[key].serial {
			delete(s.pending, key)
			s.size -= w.cost(key)
		}
	}
	s.trouble = err
	s.count.Flushes++
	if err != nil {
		s.count.Failed++
	}
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
	s.mu.Unlock()

	switch {
	case err != nil && before == nil:
		s.log.Error("store takes no writes", "err", err)
	case err == nil && before != nil:
		s.log.Info("store takes writes again")
	}
	return err
}

// write puts a batch on disk, in transactions that fit, and says which keys
// are there.
func (s *Store) write(batch map[string]waiting, wasFull bool) (written []string, err error) {
	if len(batch) == 0 && !wasFull {
		return nil, nil
	}
	keys := slices.Sorted(maps.Keys(batch))
	for len(keys) > 0 {
		if err := roomIn(s.dir, s.floor, wasFull); err != nil {
			return written, err
		}
		n, size := 0, 0
		for n < len(keys) && n < transactionOps {
			size += batch[keys[n]].cost(keys[n])
			if n > 0 && size > transactionBytes {
				break
			}
			n++
		}
		if err := s.commit(keys[:n], batch); err != nil {
			return written, fmt.Errorf("write store %s: %w", s.dir, err)
		}
		written, keys = append(written, keys[:n]...), keys[n:]
	}
	if err := s.db.Sync(); err != nil {
		return written, fmt.Errorf("sync store %s: %v", s.dir, err)
	}
	return written, roomIn(s.dir, s.floor, wasFull)
}

// commit writes keys, and what they do to the counts of their buckets, as one.
func (s *Store) commit(keys []string, batch map[string]waiting) (err error) {
	defer recovered(&err)
	return s.db.Update(func(txn *badger.Txn) error {
		grown := make(map[string]int64)
		for _, key := range keys {
			k, w := []byte(key), batch[key]
			_, err := txn.Get(k)
			had := err == nil
			if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
				return err
			}
			switch {
			case w.value != nil:
				err = txn.Set(k, seal(k, w.value))
				if !had {
					grown[w.bucket]++
				}
			case had:
				err = txn.Delete(k)
				grown[w.bucket]--
			default:
				err = nil
			}
			if err != nil {
				return err
			}
		}
		for bucket, change := range grown {
			if err := addCount(txn, bucket, change); err != nil {
				return err
			}
		}
		return nil
	})
}

func addCount(txn *badger.Txn, bucket string, change int64) error {
	if change == 0 {
		return nil
	}
	n, err := readCount(txn, bucket)
	if err != nil {
		return err
	}
	key := countKey(bucket)
	return txn.Set(key, seal(key, binary.BigEndian.AppendUint64(nil, uint64(int64(n)+change))))
}

// readCount is how many keys a bucket has.
func readCount(txn *badger.Txn, bucket string) (uint64, error) {
	key := countKey(bucket)
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var n uint64
	err = item.Value(func(sealed []byte) error {
		value, ok := unseal(key, sealed)
		if !ok || len(value) != 8 {
			return fmt.Errorf("%w: count of bucket %s", ErrDamaged, bucket)
		}
		n = binary.BigEndian.Uint64(value)
		return nil
	})
	return n, err
}

// recovered makes an error of a panic inside badger, which a damaged block can
// cause.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: badger panicked: %v", ErrDamaged, p)
	}
}
