package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Each calls f with every key of a bucket that begins with prefix, in order,
// until f fails. f may keep the value, and may write to the store: what it
// writes is not seen in this round.
//
// A value that does not match its checksum is passed over. After a whole round
// the error is ErrDamaged if there were such values, or fewer keys than were
// put.
func (s *Store) Each(bucket, prefix string, f func(key string, value []byte) error) error {
	pending, err := s.enter(bucket, prefix)
	if err != nil {
		return fmt.Errorf("read %s: %w", bucket, err)
	}
	defer s.users.Done()
	r := round{start: len(bucketPrefix(bucket)), pending: pending, f: f}
	err = r.walk(s.db, bucket, prefix)
	if r.stopped {
		return err
	}
	return s.verdict(bucket, r, err)
}

// enter registers a reader, and answers with the writes that wait.
func (s *Store) enter(bucket, prefix string) (map[string]waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.users.Add(1)
	pending := make(map[string]waiting)
	whole := string(bucketPrefix(bucket)) + prefix
	for key, w := range s.pending {
		if strings.HasPrefix(key, whole) {
			pending[key] = w
		}
	}
	return pending, nil
}

// A round is one walk over a bucket: what is on disk, with what waits laid over
// it.
type round struct {
	start   int // of the key in badger's key
	pending map[string]waiting
	waits   []string // keys of pending that are not passed yet, in order
	f       func(key string, value []byte) error

	seen    uint64 // keys on disk
	bad     []string
	short   error
	stopped bool // by f
}

func (r *round) walk(db *badger.DB, bucket, prefix string) (err error) {
	// f's panics are not ours.
	var call func() error
	defer func() {
		if call == nil {
			recovered(&err)
		}
	}()
	r.waits = slices.Sorted(maps.Keys(r.pending))
	whole := append(bucketPrefix(bucket), prefix...)
	give := func(key string, value []byte) error {
		call = func() error { return r.f(key[r.start:], value) }
		err := call()
		call, r.stopped = nil, err != nil
		return err
	}
	return db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: whole, PrefetchValues: true, PrefetchSize: 16})
		defer it.Close()
		for it.Seek(whole); it.ValidForPrefix(whole); it.Next() {
			r.seen++
			if err := r.item(it.Item(), give); err != nil {
				return err
			}
		}
		if err := r.upTo("", give); err != nil || prefix != "" {
			return err
		}
		n, err := readCount(txn, bucket)
		if err == nil && n != r.seen {
			err = fmt.Errorf("%w: bucket %s has %d keys, and had %d", ErrDamaged, bucket, r.seen, n)
		}
		r.short = err
		return nil
	})
}

// item gives what waits before an item, and then the item.
func (r *round) item(item *badger.Item, give func(string, []byte) error) error {
	key := string(item.Key())
	if err := r.upTo(key, give); err != nil {
		return err
	}
	if _, newer := r.pending[key]; newer {
		return nil // given by the next upTo
	}
	var value []byte
	err := item.Value(func(sealed []byte) error {
		v, ok := unseal([]byte(key), sealed)
		if !ok {
			return ErrDamaged
		}
		value = bytes.Clone(v)
		return nil
	})
	if err != nil {
		r.bad = append(r.bad, key[r.start:])
		return nil
	}
	return give(key, value)
}

// upTo gives what waits with a key below limit; all of it if limit is empty.
func (r *round) upTo(limit string, give func(string, []byte) error) error {
	for len(r.waits) > 0 && (limit == "" || r.waits[0] < limit) {
		key := r.waits[0]
		r.waits = r.waits[1:]
		if w := r.pending[key]; w.value != nil {
			if err := give(key, bytes.Clone(w.value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// verdict reports what a round found wrong.
func (s *Store) verdict(bucket string, r round, err error) error {
	s.mu.Lock()
	s.count.Bad += uint64(len(r.bad))
	if r.short != nil {
		s.count.Short++
	}
	s.mu.Unlock()
	if len(r.bad) > 0 {
		some := r.bad[:min(len(r.bad), 5)]
		s.log.Error("damaged values are passed over", "bucket", bucket, "values", len(r.bad), "keys", some)
		err = errors.Join(err, fmt.Errorf("%w: %d values, such as %q", ErrDamaged, len(r.bad), some))
	}
	if r.short != nil {
		s.log.Error("bucket has lost keys", "bucket", bucket, "err", r.short)
	}
	if err = errors.Join(err, r.short); err != nil {
		return fmt.Errorf("read %s: %w", bucket, err)
	}
	return nil
}

// Trim deletes the lowest keys of a bucket beyond the highest keep.
func (s *Store) Trim(bucket string, keep int) error {
	var keys []string
	err := s.Each(bucket, "", func(key string, _ []byte) error {
		keys = append(keys, key)
		return nil
	})
	for len(keys) > keep {
		if err := s.Delete(bucket, keys[0]); err != nil {
			return err
		}
		keys = keys[1:]
	}
	return err
}
