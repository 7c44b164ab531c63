package catalog

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// said is all that one origin said, as far as it is known here.
//
//	numbers   1 ......... floor ......... have ......... latest
//	          deletions   every entry,    early: some
//	          forgotten   nothing missing entries, ahead of a gap
type said struct {
	have       uint64           // everything up to this number is known
	floor      uint64           // deletions up to this number are forgotten
	entries    []Entry          // up to have; deletions above floor included. Sorted by key: a map takes twice the room
	early      map[string]Entry // by key, above have: believed at once, completed by a pull; mostly nil
	tombstones int              // among entries
	size       int              // bytes of entries
	earlySize  int              // bytes of early
}

// find is where an entry is, or would be.
func (s *said) find(key string) (at int, found bool) {
	return slices.BinarySearchFunc(s.entries, key, func(e Entry, key string) int { return strings.Compare(e.Key, key) })
}

// entry is what is known for certain under a key.
func (s *said) entry(key string) Entry {
	if at, found := s.find(key); found {
		return s.entries[at]
	}
	return Entry{}
}

// belief is the latest entry known under a key.
func (s *said) belief(key string) Entry {
	if e, ok := s.early[key]; ok {
		return e
	}
	return s.entry(key)
}

// apply takes a delta and answers which entries were news, in the order of
// their numbers. gap is true when something between what was known and the
// delta is missing: it has to be pulled.
func (s *said) apply(d Delta) (news []Entry, gap bool, err error) {
	if d.To <= s.have {
		return nil, false, nil
	}
	for _, e := range d.Entries {
		if e.Number > s.have && e.Number > s.belief(e.Key).Number {
			news = append(news, e)
		}
	}
	if d.From > s.have {
		return news, true, s.guess(news)
	}
	gone := s.unnamed(d)
	if err := s.fits(d, gone); err != nil {
		return nil, false, err
	}
	for _, key := range gone {
		if _, early := s.early[key]; !early && s.entry(key).Value != nil {
			news = append(news, Entry{Key: key})
		}
		s.drop(key)
	}
	if len(s.entries) == 0 {
		s.entries = make([]Entry, 0, len(d.Entries))
	}
	for _, e := range d.Entries {
		if e.Number > s.have {
			s.put(e)
		}
	}
	s.have = d.To
	s.overtake()
	s.forget()
	slices.SortStableFunc(news, byNumber)
	return news, false, nil
}

func byNumber(a, b Entry) int { return cmp.Compare(a.Number, b.Number) }

// guess believes entries from beyond a gap.
func (s *said) guess(news []Entry) error {
	size := s.earlySize
	for _, e := range news {
		size += len(e.Key) + len(e.Value)
	}
	if len(s.early)+len(news) > EntriesMax || size > SizeMax {
		return fmt.Errorf("%d entries, %d bytes ahead of a gap: limits %d, %d", len(s.early)+len(news), size, EntriesMax, SizeMax)
	}
	if s.early == nil {
		s.early = make(map[string]Entry)
	}
	for _, e := range news {
		s.early[e.Key] = e
	}
	s.earlySize = size
	return nil
}

// overtake drops the guesses that are now known for certain.
func (s *said) overtake() {
	for key, e := range s.early {
		if e.Number <= s.have {
			delete(s.early, key)
		}
	}
	if len(s.early) == 0 {
		s.early, s.earlySize = nil, 0
	}
}

// unnamed are the keys that a whole delta deletes by not naming them.
func (s *said) unnamed(d Delta) []string {
	if d.From != 0 {
		return nil
	}
	s.floor = max(s.floor, d.Floor)
	named := make(map[string]bool, len(d.Entries))
	for _, e := range d.Entries {
		named[e.Key] = true
	}
	var gone []string
	for _, e := range s.entries {
		if !named[e.Key] {
			gone = append(gone, e.Key)
		}
	}
	return gone
}

func (s *said) fits(d Delta, gone []string) error {
	count, size := len(s.entries)-s.tombstones-len(gone), s.size
	for _, e := range d.Entries {
		before := s.entry(e.Key)
		if before.Value == nil && e.Value != nil {
			count++
		}
		size += len(e.Key) + len(e.Value) - len(before.Key) - len(before.Value)
	}
	for _, key := range gone {
		size -= len(key) + len(s.entry(key).Value)
	}
	if count > EntriesMax {
		return fmt.Errorf("%d entries, limit %d", count, EntriesMax)
	}
	if size > SizeMax {
		return fmt.Errorf("%d bytes in all entries, limit %d", size, SizeMax)
	}
	return nil
}

func (s *said) put(e Entry) {
	s.drop(e.Key)
	at, _ := s.find(e.Key)
	s.entries = slices.Insert(s.entries, at, e)
	s.size += len(e.Key) + len(e.Value)
	if e.Value == nil {
		s.tombstones++
	}
}

func (s *said) drop(key string) {
	at, known := s.find(key)
	if !known {
		return
	}
	old := s.entries[at]
	s.size -= len(old.Key) + len(old.Value)
	if old.Value == nil {
		s.tombstones--
	}
	s.entries = slices.Delete(s.entries, at, at+1)
}

// forget drops the oldest deletions above tombstonesMax and raises the floor.
func (s *said) forget() {
	for s.tombstones > tombstonesMax {
		var oldest Entry
		for _, e := range s.entries {
			if e.Value == nil && (oldest.Number == 0 || e.Number < oldest.Number) {
				oldest = e
			}
		}
		s.floor = max(s.floor, oldest.Number)
		s.drop(oldest.Key)
	}
}

// since is what a peer that has everything up to number lacks. A peer from
// below the floor gets everything, since deletions it needs are forgotten.
func (s *said) since(number uint64) (from uint64, entries []Entry) {
	if number < s.floor {
		number = 0
	}
	for _, e := range s.entries {
		if e.Number > number {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, byNumber)
	return number, entries
}

// sum is this origin's part of the catalog's summary.
func (s *said) sum(o Origin) uint64 {
	if s.have == 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write(o[:])
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], s.have)
	h.Write(b[:])
	return h.Sum64()
}
