package jobs

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Disk keeps the values of a journal by key.
type Disk interface {
	// Put comes back when the value is safe from a power cut, or fails.
	Put(key string, value []byte) error
	// Delete need not be safe yet.
	Delete(key string) error
	// Each gives every key, in any order.
	Each(fn func(key string, value []byte) error) error
}

// A State is how far a run has come on this host. It only goes forward.
type State uint8

// States of a run.
const (
	Unknown  State = iota // this host has not heard of it, or has forgotten it
	Received              // accepted, and to be started
	Started               // may have been forked: never again
	Ended                 // has its outcome
)

// String is the state for people.
func (s State) String() string {
	return [...]string{"unknown", "received", "started", "ended"}[min(s, Ended)]
}

// A Record is what the journal knows of one job.
type Record struct {
	_       struct{} `cbor:",toarray"`
	ID      ID
	State   State
	Expires time.Time
	Signed  []byte // the order as it came, until it has ended
	Result  Result
}

const (
	recordForm = "yodel-run-1"
	recordMax  = SignedMax + 4<<10
	openedKey  = "opened" // this journal exists
	floorKey   = "floor"
	gapKey     = "gap"
	recordKey  = "run/" // and the ID

	// runsMax bounds what is remembered: four jobs a second for the seven hours
	// in which nobody looked, with the default lifetime of an hour no more.
	runsMax = 100_000
)

// A Journal is why no job starts twice on this host. What it says is on disk
// before it says so. It may be used by many at once.
type Journal struct {
	mu    sync.Mutex
	disk  Disk
	runs  map[ID]Record
	owed  map[ID]bool // ended, but the disk did not take it
	floor time.Time   // what expired by then is forgotten
	gap   time.Time   // what was made by then may be forgotten
	fresh bool
}

// OpenJournal reads what an earlier process wrote. What it then finds Started
// either still runs or is lost: see Unended.
func OpenJournal(disk Disk) (*Journal, error) {
	j := &Journal{disk: disk, runs: make(map[ID]Record), owed: make(map[ID]bool)}
	j.fresh = true
	err := disk.Each(j.read)
	if err != nil {
		// A job whose record cannot be read may have run: start none.
		return nil, fmt.Errorf("open job journal: %w", err)
	}
	if j.fresh {
		if err := disk.Put(openedKey, nil); err != nil {
			return nil, fmt.Errorf("open job journal: %w", err)
		}
	}
	return j, nil
}

func (j *Journal) read(key string, value []byte) (err error) {
	switch key {
	case openedKey:
		j.fresh = false
		return nil
	case floorKey:
		j.floor, err = readTime(key, value)
		return err
	case gapKey:
		j.gap, err = readTime(key, value)
		return err
	}
	r, err := decode[Record](recordForm, recordMax, value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if keyOf(r.ID) != key || r.State < Received || r.State > Ended {
		return fmt.Errorf("%s: of the job %s, %d", key, r.ID, r.State)
	}
	j.runs[r.ID] = r
	return nil
}

func readTime(key string, value []byte) (time.Time, error) {
	if len(value) != 8 {
		return time.Time{}, fmt.Errorf("%s has %d bytes", key, len(value))
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(value))), nil
}

func (j *Journal) putTime(key string, t time.Time) error {
	return j.disk.Put(key, binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())))
}

// Fresh is true if there was no journal before. On a host whose identity is
// older than that, the journal was lost: say so with Forgot.
func (j *Journal) Fresh() bool { return j.fresh }

// Forgot makes the journal refuse every order that was made until now: it may
// have run, and what knew it is gone.
func (j *Journal) Forgot(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	gap := now.Add(Skew)
	if err := j.putTime(gapKey, gap); err != nil {
		return fmt.Errorf("mark job journal as lost: %w", err)
	}
	j.gap = gap
	return nil
}

func keyOf(id ID) string { return recordKey + id.String() }

// Receive takes a job in. An error is a *Refusal: it was here before, it is of
// a time that is forgotten, or the disk does not take it.
func (j *Journal) Receive(o Order, s Signed) error {
	signed, err := s.Encode()
	if err != nil {
		return refuse(BadOrder, "%v", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if r, ok := j.runs[o.ID]; ok {
		return refuse(Replayed, "it was here before, and is %s %s", r.State, r.Result.Outcome)
	}
	if !o.Expires().After(j.floor) {
		return refuse(Expired, "it expired at %s; this host has forgotten which jobs it ran before %s", stamp(o.Expires()), stamp(j.floor))
	}
	if !o.ID.Time().After(j.gap) {
		return refuse(Replayed, "it was made at %s; this host has lost its job journal since, and could have run it", stamp(o.ID.Time()))
	}
	if len(j.runs) >= runsMax {
		return refuse(Impossible, "%d jobs are remembered, the limit", runsMax)
	}
	r := Record{ID: o.ID, State: Received, Expires: wireTime(o.Expires()), Signed: signed}
	if err := j.put(r); err != nil {
		return refuse(Impossible, "the journal of this host cannot be written: %v", err)
	}
	return nil
}

// Start is nil once per job, and then "started" is on disk: fork after it.
func (j *Journal) Start(id ID, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.runs[id]
	if !ok || r.State != Received {
		return refuse(Replayed, "start job %s: it is %s", id, r.State)
	}
	r.State, r.Result.Started = Started, wireTime(now)
	if err := j.put(r); err != nil {
		// It may be on disk all the same: this process never tries again.
		j.runs[id] = r
		return refuse(Impossible, "the journal of this host cannot be written: %v", err)
	}
	return nil
}

// End writes the outcome of a job that was received. The first one stays: it
// is returned, whichever it is. An error is that of the disk; the outcome holds
// and is written by a later Trim.
func (j *Journal) End(id ID, result Result) (Result, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.runs[id]
	if !ok {
		return result, fmt.Errorf("end job %s: it was never received", id)
	}
	if r.State == Ended {
		return r.Result, nil
	}
	if result.Started.IsZero() {
		result.Started = r.Result.Started
	}
	result.Started, result.Ended = wireTime(result.Started), wireTime(result.Ended)
	r.State, r.Signed, r.Result = Ended, nil, result
	err := j.put(r)
	if err != nil {
		j.runs[id], j.owed[id] = r, true
		return result, fmt.Errorf("end job %s: %w", id, err)
	}
	return result, nil
}

// put writes a record and, if it is on disk, believes it.
func (j *Journal) put(r Record) error {
	b, err := encode(recordForm, r)
	if err == nil {
		err = j.disk.Put(keyOf(r.ID), b)
	}
	if err == nil {
		j.runs[r.ID] = r
		delete(j.owed, r.ID)
	}
	return err
}

// Find is what is known of a job; its State is Unknown if nothing is.
func (j *Journal) Find(id ID) Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.runs[id]
}

// Unended are the jobs without an outcome, oldest first. After a restart those
// that are Received go on, and those that are Started still run, have left their
// end in the spool, or are lost.
func (j *Journal) Unended() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Record
	for _, r := range j.runs {
		if r.State != Ended {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// Trim forgets jobs that have ended and that no host accepts any more, and
// writes what the disk did not take before. It returns those it forgot: their
// spools can go too. Clocks that are set back bring nothing back: what expired
// before a job that is forgotten is refused.
func (j *Journal) Trim(now time.Time) ([]ID, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var problems []error
	for id := range maps.Clone(j.owed) {
		problems = append(problems, j.put(j.runs[id]))
	}
	var old []ID
	floor := j.floor
	for id, r := range j.runs {
		if r.State == Ended && !j.owed[id] && now.Sub(r.Expires) > 2*Skew {
			old = append(old, id)
			if r.Expires.After(floor) {
				floor = r.Expires
			}
		}
	}
	if floor.After(j.floor) {
		if err := j.putTime(floorKey, floor); err != nil {
			return nil, fmt.Errorf("trim job journal: %w", errors.Join(append(problems, err)...))
		}
		j.floor = floor
	}
	for _, id := range old {
		if err := j.disk.Delete(keyOf(id)); err != nil {
			problems = append(problems, err)
			continue
		}
		delete(j.runs, id)
	}
	if err := errors.Join(problems...); err != nil {
		return old, fmt.Errorf("trim job journal: %w", err)
	}
	return old, nil
}
