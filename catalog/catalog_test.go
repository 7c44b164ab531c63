package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Unix(1_800_000_000, 0)

const memory = 72 * time.Hour

func origin(i int) Origin { return Origin{byte(i), byte(i >> 8), 1} }

func mustLearn(t testing.TB, c *Catalog, d Delta) News {
	t.Helper()
	news, err := c.Learn(d, noon)
	if err != nil {
		t.Fatal(err)
	}
	return news
}

func mustEncode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writer is an origin: the truth that all others are to believe.
type writer struct {
	c    *Catalog
	o    Origin
	last uint64
	r    *rand.Rand
}

func newWriter(i int, r *rand.Rand) *writer {
	return &writer{c: New(origin(i), memory), o: origin(i), r: r}
}

// write says something at random, sometimes with numbers left out, as after a
// restart.
func (w *writer) write(t testing.TB) {
	from := w.last
	var d Delta
	for range 1 + w.r.IntN(3) {
		w.last += 1 + uint64(w.r.IntN(2))
		e := Entry{Number: w.last, Key: fmt.Sprintf("x/%d", w.r.IntN(12)), Value: []byte{byte(w.last), 1}}
		if w.r.IntN(3) == 0 {
			e.Value = nil
		}
		d.Entries = append(d.Entries, e)
	}
	d.Origin, d.From, d.To, d.Status = w.o, from, w.last, Alive
	mustLearn(t, w.c, d)
}

// believed is what a catalog believes of an origin, by key.
func believed(c *Catalog, o Origin) map[string]string {
	out := make(map[string]string)
	if k := c.origins[o]; k != nil {
		for _, e := range k.said.entries {
			out[e.Key] = string(k.said.belief(e.Key).Value)
		}
		for key, e := range k.said.early {
			out[key] = string(e.Value)
		}
	}
	for key, v := range out {
		if v == "" {
			delete(out, key)
		}
	}
	return out
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestAnyOrderOfMessagesEndsInTheSameBelief: pushes lost, repeated, late and
// out of order, pulls between any two in between. After one pull from the
// writer each believes what it said, and on the way nobody ever believes
// something that is older than what it believed before.
func TestAnyOrderOfMessagesEndsInTheSameBelief(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWriter(1, r)
		readers := []*Catalog{New(origin(7), memory), New(origin(8), memory), New(origin(9), memory)}
		var flying []Delta
		told := uint64(0)
		newest := make(map[*Catalog]map[string]uint64)
		for range 120 {
			switch r.IntN(4) {
			case 0:
				w.write(t)
				flying = append(flying, w.c.Since(w.o, told))
				told = w.last
			case 1, 2:
				if len(flying) == 0 {
					continue
				}
				i := r.IntN(len(flying))
				c := readers[r.IntN(len(readers))]
				mustLearn(t, c, flying[i])
				if r.IntN(2) == 0 { // else it is repeated later
					flying = slices.Delete(flying, i, i+1)
				}
			case 3:
				to, from := readers[r.IntN(len(readers))], readers[r.IntN(len(readers))]
				for _, d := range from.Missing(to.Digest(Origin{}), true) {
					mustLearn(t, to, d)
				}
			}
			for _, c := range readers {
				checkNotOlder(t, seed, c, w.o, newest)
			}
		}
		for i, c := range readers {
			for _, d := range w.c.Missing(c.Digest(Origin{}), true) {
				mustLearn(t, c, d)
			}
			if !equal(believed(c, w.o), believed(w.c, w.o)) {
				t.Fatalf("seed %d: reader %d believes %v, the writer said %v", seed, i, believed(c, w.o), believed(w.c, w.o))
			}
			if c.Summary() != w.c.Summary() {
				t.Fatalf("seed %d: reader %d has another summary than the writer", seed, i)
			}
		}
	}
}

func checkNotOlder(t *testing.T, seed uint64, c *Catalog, o Origin, newest map[*Catalog]map[string]uint64) {
	t.Helper()
	k := c.origins[o]
	if k == nil {
		return
	}
	if newest[c] == nil {
		newest[c] = make(map[string]uint64)
	}
	for i := range 12 {
		key := fmt.Sprintf("x/%d", i)
		number := k.said.belief(key).Number
		if number != 0 && number < newest[c][key] {
			t.Fatalf("seed %d: %s went back from number %d to %d", seed, key, newest[c][key], number)
		}
		newest[c][key] = max(newest[c][key], number)
	}
}

// TestDeletedStaysDeleted, also when so much was deleted that nobody remembers
// it one by one, and somebody who was away comes back with all of it.
func TestDeletedStaysDeleted(t *testing.T) {
	w := newWriter(1, rand.New(rand.NewPCG(1, 1)))
	say := func(key string, value []byte) {
		w.last++
		mustLearn(t, w.c, Delta{Origin: w.o, From: w.last - 1, To: w.last, Entries: []Entry{{Number: w.last, Key: key, Value: value}}})
	}
	count := 3 * tombstonesMax
	for i := range count {
		say(fmt.Sprintf("x/%d", i), []byte{1})
	}
	away, here := New(origin(2), memory), New(origin(3), memory)
	for _, c := range []*Catalog{away, here} {
		mustLearn(t, c, w.c.Since(w.o, 0))
	}
	for i := range count {
		say(fmt.Sprintf("x/%d", i), nil)
	}
	for _, d := range w.c.Missing(here.Digest(Origin{}), true) {
		mustLearn(t, here, d)
	}
	if got := len(believed(here, w.o)); got != 0 {
		t.Fatalf("%d of %d entries are left after all were deleted", got, count)
	}
	for _, d := range away.Missing(here.Digest(Origin{}), true) { // it returns, and offers what it has
		mustLearn(t, here, d)
	}
	if got := len(believed(here, w.o)); got != 0 {
		t.Fatalf("%d deleted entries came back", got)
	}
	for _, d := range here.Missing(away.Digest(Origin{}), true) {
		mustLearn(t, away, d)
	}
	if got := len(believed(away, w.o)); got != 0 {
		t.Fatalf("who was away still believes %d deleted entries", got)
	}
	if n := len(w.c.origins[w.o].said.entries); n > tombstonesMax {
		t.Fatalf("%d deletions are remembered one by one, limit %d", n, tombstonesMax)
	}
}

// TestForgottenStaysForgotten: a host that was away for a month offers an
// origin that the mesh has forgotten.
func TestForgottenStaysForgotten(t *testing.T) {
	d := Delta{Origin: origin(1), To: 1, Status: Alive, Entries: []Entry{{Number: 1, Key: KeyHost, Value: mustEncode(t, Host{Name: "old"})}}}
	away, here := New(origin(2), memory), New(origin(3), memory)
	mustLearn(t, away, d)
	for _, c := range []*Catalog{away, here} {
		c.Saw(Member{Origin: origin(1), Name: "old", Status: Alive, At: noon})
		c.Saw(Member{Origin: origin(1), Name: "old", Status: Failed, At: noon})
	}
	later := noon.Add(30 * 24 * time.Hour)
	if news := here.Sweep(later); len(news) != 1 || here.View().Node("old") != nil {
		t.Fatalf("not forgotten after %v: %v", later.Sub(noon), news)
	}
	for _, d := range away.Missing(here.Digest(Origin{}), true) {
		if _, err := here.Learn(d, later); !errors.Is(err, ErrOutdated) {
			t.Fatalf("learn of an origin gone for a month: %v, want ErrOutdated", err)
		}
	}
	if here.View().Node("old") != nil {
		t.Fatal("it came back from the dead")
	}
	here.Saw(Member{Origin: origin(1), Name: "old", Status: Alive, At: later}) // the host itself may
	if _, err := here.Learn(away.Since(origin(1), 0), later); err != nil {
		t.Fatalf("the host itself came back, and: %v", err)
	}
}

func TestOneNameTwoHosts(t *testing.T) {
	c := New(origin(9), memory)
	say := func(i int, s Status) {
		mustLearn(t, c, Delta{Origin: origin(i), To: 1, Entries: []Entry{{Number: 1, Key: KeyHost, Value: mustEncode(t, Host{Name: "Twin", Address: fmt.Sprint(i)})}}})
		c.Saw(Member{Origin: origin(i), Status: s, At: noon})
	}
	say(2, Alive)
	say(1, Alive)
	say(3, Alive)
	if got := c.View().Node("twin").Address; got != "1" {
		t.Errorf("the name is %s's, want 1's: the smallest origin of those that are here", got)
	}
	if got := len(c.View().Conflicts()); got != 2 {
		t.Errorf("%d conflicts, want 2", got)
	}
	c.Saw(Member{Origin: origin(1), Status: Failed, At: noon})
	if got := c.View().Node("twin").Address; got != "2" {
		t.Errorf("after 1 failed the name is %s's, want 2's", got)
	}
	c.Forget(origin(2), noon)
	if got := c.View().Node("twin").Address; got != "3" {
		t.Errorf("after 2 was forgotten the name is %s's, want 3's", got)
	}
	c.Forget(origin(3), noon)
	if got := c.View().Node("twin").Address; got != "1" {
		t.Errorf("with only the failed one left the name is %s's, want 1's", got)
	}
}

// TestHearsay: a peer says that somebody is here whom gossip has not shown yet.
func TestHearsay(t *testing.T) {
	c := New(origin(9), memory)
	host := []Entry{{Number: 1, Key: KeyHost, Value: mustEncode(t, Host{Name: "n"})}}
	mustLearn(t, c, Delta{Origin: origin(1), To: 1, Status: Alive, Entries: host})
	mustLearn(t, c, Delta{Origin: origin(2), To: 1, Status: Alive, Seen: noon.Add(-time.Hour).Unix(), Entries: host})
	status := func(i int) Status { return c.View().ByOrigin(origin(i)).Status }
	if status(1) != Alive || status(2) != Failed {
		t.Errorf("seen now: %s, want alive; seen an hour ago: %s, want failed", status(1), status(2))
	}
	c.Settle(noon, 1)
	if status(1) != Alive {
		t.Error("given up too soon")
	}
	c.Settle(noon.Add(-time.Hour), 1) // whatever its clock says
	if status(1) != Failed {
		t.Error("gossip never showed it, and yet it is here")
	}
	c.Saw(Member{Origin: origin(1), Name: "n", Status: Alive, At: noon})
	c.Settle(noon, 0)
	if status(1) != Alive {
		t.Error("gossip shows it, and yet it is gone")
	}
}

func TestLimitsAreErrors(t *testing.T) {
	big := make([]byte, ValueMax)
	var many []Entry
	for i := range SizeMax/ValueMax + 1 {
		many = append(many, Entry{Number: uint64(i + 1), Key: fmt.Sprint(i), Value: big})
	}
	for name, d := range map[string]Delta{
		"backwards":   {From: 2, To: 1},
		"outside":     {From: 5, To: 9, Entries: []Entry{{Number: 5, Key: "k"}}},
		"beyond":      {From: 5, To: 9, Entries: []Entry{{Number: 10, Key: "k"}}},
		"no key":      {To: 1, Entries: []Entry{{Number: 1}}},
		"long key":    {To: 1, Entries: []Entry{{Number: 1, Key: string(make([]byte, KeyMax+1))}}},
		"big value":   {To: 1, Entries: []Entry{{Number: 1, Key: "k", Value: make([]byte, ValueMax+1)}}},
		"big in all":  {To: 99, Entries: many},
		"no status":   {To: 1, Status: "well"},
		"old claim":   {To: 1, Status: Failed, Seen: noon.Add(-memory - time.Second).Unix()},
		"from future": {To: 1, Status: Failed, Seen: noon.Add(time.Hour).Unix()},
	} {
		d.Origin = origin(1)
		c := New(origin(2), memory)
		if _, err := c.Learn(d, noon); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if len(c.origins) != 0 {
			t.Errorf("%s: refused, and yet the origin is known", name)
		}
	}
}

func TestAViewNeverChanges(t *testing.T) {
	c := New(origin(1), memory)
	mustLearn(t, c, Delta{Origin: origin(2), To: 2, Entries: []Entry{
		{Number: 1, Key: KeyHost, Value: mustEncode(t, Host{Name: "a"})},
		{Number: 2, Key: KeyService("s"), Value: mustEncode(t, Service{ID: "s", Name: "s", Port: 1})},
	}})
	before := c.View()
	mustLearn(t, c, Delta{Origin: origin(2), From: 2, To: 4, Entries: []Entry{
		{Number: 3, Key: KeyService("s"), Value: mustEncode(t, Service{ID: "s", Name: "s", Port: 2})},
		{Number: 4, Key: KeyService("r"), Value: mustEncode(t, Service{ID: "r", Name: "r"})},
	}})
	if n := before.Node("a"); len(n.Services) != 1 || n.Services[0].Port != 1 {
		t.Errorf("a view that somebody holds has changed: %+v", n.Services)
	}
	if n := c.View().Node("a"); len(n.Services) != 2 || n.Services[1].Port != 2 {
		t.Errorf("the new view has %+v", n.Services)
	}
}

func FuzzLearnNeverPanicsAndNeverExceedsLimits(f *testing.F) {
	f.Add(mustEncode(f, Delta{Origin: origin(1), To: 3, Entries: []Entry{{Number: 3, Key: KeyHost, Value: mustEncode(f, Host{Name: "h"})}}}))
	f.Add(mustEncode(f, Delta{Origin: origin(1), From: 3, To: 9, Entries: []Entry{{Number: 4, Key: KeyCheck("c"), Value: []byte{0xa0}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Delta
		if Decode(b, &d) != nil {
			return
		}
		c := New(origin(2), memory)
		if _, err := c.Learn(d, noon); err != nil {
			return
		}
		for _, k := range c.origins {
			if k.said.size > SizeMax || len(k.said.entries) > EntriesMax+tombstonesMax {
				t.Fatalf("%d entries, %d bytes", len(k.said.entries), k.said.size)
			}
		}
		again := mustEncode(t, c.Since(d.Origin, 0))
		var back Delta
		if err := Decode(again, &back); err != nil {
			t.Fatalf("what we pass on cannot be read: %v", err)
		}
	})
}

// The parts of a delta, learned in order, are the delta; without one of them
// the catalog knows that it does not know all.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		d := Delta{Origin: origin(1), Status: Alive, Floor: r.Uint64N(5)}
		for range r.IntN(40) {
			d.To += 1 + r.Uint64N(3)
			e := Entry{Number: d.To, Key: fmt.Sprintf("x/%d", d.To), Value: make([]byte, 1+r.IntN(300))}
			if r.IntN(5) == 0 {
				e.Value = nil
			}
			d.Entries = append(d.Entries, e)
		}
		d.To += r.Uint64N(2) // the latest may be forgotten
		most := 1 + r.IntN(1000)
		parts := d.Split(most)
		lost := r.IntN(len(parts))
		whole, some := New(origin(2), memory), New(origin(2), memory)
		for i, p := range parts {
			size := 0
			for _, e := range p.Entries {
				size += len(mustEncode(t, e))
			}
			if size > most && len(p.Entries) > 1 {
				t.Fatalf("part %d of %d entries takes %d bytes, limit %d", i, len(p.Entries), size, most)
			}
			mustLearn(t, whole, p)
			if i != lost {
				mustLearn(t, some, p)
			}
		}
		plain := New(origin(2), memory)
		mustLearn(t, plain, d)
		if whole.Summary() != plain.Summary() || !equal(believed(whole, d.Origin), believed(plain, d.Origin)) {
			t.Fatalf("%d parts of %d entries are not the whole", len(parts), len(d.Entries))
		}
		if len(parts) > 1 && some.Summary() == plain.Summary() {
			t.Fatalf("part %d of %d is missing, and nobody knows", lost, len(parts))
		}
		mustLearn(t, some, plain.Since(d.Origin, some.Digest(d.Origin)[0].Have))
		if !equal(believed(some, d.Origin), believed(plain, d.Origin)) {
			t.Fatalf("part %d of %d is missing, and a pull does not repair it", lost, len(parts))
		}
	}
}
