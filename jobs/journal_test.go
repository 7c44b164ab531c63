package jobs

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a disk that fails on demand: before it wrote, or after.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	fail   func() (before, after bool)
}

var errDisk = errors.New("no space left on device")

func newMemory() *memory { return &memory{values: make(map[string][]byte)} }

func (m *memory) Put(key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, after := false, false
	if m.fail != nil {
		before, after = m.fail()
	}
	if before {
		return errDisk
	}
	m.values[key] = append([]byte(nil), value...)
	if after {
		return errDisk
	}
	return nil
}

func (m *memory) Delete(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

func (m *memory) Each(f func(string, []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.values {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

// after is what a disk holds after a power cut now.
func (m *memory) after() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{values: maps.Clone(m.values)}
}

func open(t *testing.T, m *memory) *Journal {
	t.Helper()
	j, err := OpenJournal(m)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJournal(t *testing.T) {
	disk := newMemory()
	j := open(t, disk)
	o, s := plain(), Signed{Body: []byte("body"), Signature: []byte("signature")}
	if !j.Fresh() || j.Find(o.ID).State != Unknown {
		t.Error("not fresh")
	}
	if err := j.Start(o.ID, noon); causeOf(err) != Replayed {
		t.Errorf("started before it was received: %v", err)
	}
	if err := j.Receive(o, s); err != nil {
		t.Fatal(err)
	}
	if err := j.Receive(o, s); causeOf(err) != Replayed || !strings.Contains(err.Error(), "received") {
		t.Errorf("received twice: %v", err)
	}
	j = open(t, disk.after())
	if u := j.Unended(); len(u) != 1 || u[0].State != Received || len(u[0].Signed) == 0 || j.Fresh() {
		t.Fatalf("after a restart: %+v", u)
	}
	if err := j.Start(o.ID, noon); err != nil {
		t.Fatal(err)
	}
	if err := j.Start(o.ID, noon); causeOf(err) != Replayed {
		t.Errorf("started twice: %v", err)
	}
	if r, err := j.End(o.ID, Result{Outcome: OK, Ended: noon.Add(time.Second)}); err != nil || !r.Started.Equal(noon) {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := j.End(o.ID, end(Lost, "")); err != nil || r.Outcome != OK {
		t.Errorf("the second outcome won: %+v %v", r, err)
	}
	disk = j.disk.(*memory)
	j = open(t, disk.after())
	if r := j.Find(o.ID); r.State != Ended || r.Result.Outcome != OK || !r.Result.Ended.Equal(noon.Add(time.Second)) || len(r.Signed) > 0 {
		t.Errorf("after a restart: %+v", r)
	}
	if err := j.Receive(o, s); causeOf(err) != Replayed {
		t.Errorf("replayed: %v", err)
	}
}

// An ID is remembered until nobody can be fooled with it, and after that its
// time is: a clock that is set back brings nothing back.
func TestJournalForgets(t *testing.T) {
	disk := newMemory()
	j := open(t, disk)
	o, running := plain(), plain()
	running.ID = NewID(noon)
	for _, o := range []Order{o, running} {
		if err := j.Receive(o, Signed{}); err != nil {
			t.Fatal(err)
		}
		if err := j.Start(o.ID, noon); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.End(o.ID, end(OK, "")); err != nil {
		t.Fatal(err)
	}
	if old, err := j.Trim(o.Expires().Add(2 * Skew)); err != nil || len(old) != 0 {
		t.Errorf("forgot %v %v", old, err)
	}
	if old, err := j.Trim(o.Expires().Add(2*Skew + 1)); err != nil || len(old) != 1 || old[0] != o.ID {
		t.Errorf("forgot %v %v", old, err)
	}
	if len(disk.values) != 3 { // opened, floor, and the job that runs
		t.Errorf("%d values on disk", len(disk.values))
	}
	for range 2 {
		if err := j.Receive(o, Signed{}); causeOf(err) != Expired {
			t.Errorf("replayed: %v", err)
		}
		later := o
		later.ID, later.Lifetime = NewID(noon), 2*time.Hour
		if err := j.Receive(later, Signed{}); err != nil {
			t.Errorf("an order that expires later: %v", err)
		}
		j = open(t, disk.after())
	}
}

func TestJournalLost(t *testing.T) {
	disk := newMemory()
	j := open(t, disk)
	if err := j.Forgot(noon); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		o := plain()
		if err := j.Receive(o, Signed{}); causeOf(err) != Replayed || !strings.Contains(err.Error(), "lost its job journal") {
			t.Error(err)
		}
		o.ID = NewID(noon.Add(Skew + time.Second))
		if err := j.Receive(o, Signed{}); err != nil {
			t.Error(err)
		}
		j = open(t, disk.after())
	}
	disk.values[keyOf(plain().ID)] = []byte("damaged")
	if _, err := OpenJournal(disk); err == nil {
		t.Error("a damaged record was passed over")
	}
}

// A journal over a disk that fails at random, before or after it wrote, with
// power cuts at random: nothing starts twice, and an outcome that was given is
// the one that stays.
func TestNeverTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	started, recovered := 0, 0
	for range 300 {
		disk := newMemory()
		fail := func() (bool, bool) { return r.IntN(8) == 0, r.IntN(8) == 0 }
		j := open(t, disk)
		disk.fail = fail
		orders := make([]Order, 4)
		for i := range orders {
			orders[i] = plain()
		}
		starts, outcomes := make(map[ID]int), make(map[ID]Outcome)
		for range 200 {
			o := orders[r.IntN(len(orders))]
			switch r.IntN(6) {
			case 0, 1:
				j.Receive(o, Signed{})
			case 2, 3:
				if j.Start(o.ID, noon) == nil {
					starts[o.ID]++
				}
			case 4:
				if res, err := j.End(o.ID, end([]Outcome{OK, Failed, Lost}[r.IntN(3)], "")); err == nil {
					if was, ok := outcomes[o.ID]; ok && was != res.Outcome {
						t.Fatalf("%s after %s", res.Outcome, was)
					}
					outcomes[o.ID] = res.Outcome
				}
				j.Trim(noon)
			case 5: // the power goes
				disk = disk.after()
				j = open(t, disk)
				disk.fail = fail
				for id, want := range outcomes {
					if got := j.Find(id); got.Result.Outcome != want {
						t.Fatalf("%s after a restart, was %s", got.Result.Outcome, want)
					}
				}
				for _, u := range j.Unended() {
					recovered++
					if u.State == Started && starts[u.ID] > 1 {
						t.Fatal("started twice")
					}
				}
			}
		}
		for id, n := range starts {
			started++
			if n > 1 {
				t.Fatalf("%s started %d times", id, n)
			}
		}
	}
	if started < 100 || recovered < 100 {
		t.Errorf("%d started, %d recovered: the test does not look where it should", started, recovered)
	}
}

// Many at once: one starts.
func TestStartIsForOne(t *testing.T) {
	j := open(t, newMemory())
	for range 50 {
		o := plain()
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 8 {
			wg.Go(func() {
				j.Receive(o, Signed{})
				if j.Start(o.ID, noon) == nil {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if n != 1 {
			t.Fatalf("%d starts", n)
		}
	}
}

func TestTenThousandJobs(t *testing.T) {
	disk := newMemory()
	j := open(t, disk)
	for i := range 10_000 {
		now := noon.Add(time.Duration(i) * time.Second)
		o := plain()
		o.ID = NewID(now)
		if err := j.Receive(o, Signed{Body: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
		if err := j.Start(o.ID, now); err != nil {
			t.Fatal(err)
		}
		if _, err := j.End(o.ID, end(OK, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if _, err := j.Trim(now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if keep := int((time.Hour+2*Skew)/time.Second) + 110; len(j.runs) > keep || len(disk.values) > keep+2 {
		t.Errorf("%d in memory, %d on disk, want at most %d", len(j.runs), len(disk.values), keep)
	}
}
