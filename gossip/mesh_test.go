package gossip

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

// listener writes down what one member hears.
type listener struct {
	mu       sync.Mutex
	words    map[string]int
	members  map[string]Status
	compared map[string]string
	troubles map[Trouble]int
}

func (l *listener) times(word string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.words[word]
}

func (l *listener) status(id string) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members[id]
}

func (l *listener) trouble(t Trouble) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.troubles[t]
}

// member i of a simulated mesh.
type testMember struct {
	*Mesh
	*listener
	end *sim.Endpoint
}

func startMember(t testing.TB, network *sim.Network, i int, change func(*Config)) testMember {
	t.Helper()
	a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	end, err := network.Add(fmt.Sprintf("e%d", i), a)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := end.Transport(8301)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{words: make(map[string]int), members: make(map[string]Status), compared: make(map[string]string), troubles: make(map[Trouble]int)}
	c := Config{
		ID: fmt.Sprintf("id%d", i), Name: fmt.Sprintf("n%d", i), Datacenter: "dc1", PeerPort: 8300,
		BindAddress: a.String(), BindPort: 8301, AdvertiseAddress: a.String(), AdvertisePort: 8301,
		Forget: time.Hour, Transport: transport,
		Member: func(m Member) { l.mu.Lock(); defer l.mu.Unlock(); l.members[m.ID] = m.Status },
		Heard: func(kind string, word []byte) bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.words[kind+" "+string(word)]++
			return true
		},
		Summary: func() []byte { return []byte(fmt.Sprintf("sum%d", i)) },
		Compare: func(id string, s []byte, _ time.Duration) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.compared[id] = string(s)
		},
		Trouble: func(tr Trouble) { l.mu.Lock(); defer l.mu.Unlock(); l.troubles[tr]++ },
	}
	if change != nil {
		change(&c)
	}
	m, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return testMember{m, l, end}
}

// inMesh runs f with members that have joined.
func inMesh(t *testing.T, size int, change func(i int, c *Config), f func(t *testing.T, all []testMember, network *sim.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := sim.NewNetwork(sim.Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 50 * time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		var all []testMember
		for i := range size {
			time.Sleep(11 * time.Millisecond)
			m := startMember(t, network, i, func(c *Config) {
				if change != nil {
					change(i, c)
				}
			})
			all = append(all, m)
			if i > 0 {
				if _, err := m.Join([]string{"10.0.0.1:8301"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(3 * time.Second)
		f(t, all, network)
		for _, m := range all {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		network.Close()
		time.Sleep(30 * time.Second)
	})
}

func TestAWordReachesEverybodyOnceAndAtOnce(t *testing.T) {
	inMesh(t, 40, nil, func(t *testing.T, all []testMember, _ *sim.Network) {
		for i := range 20 {
			word := fmt.Sprint("word ", i)
			if err := all[i].Say("news", []byte(word)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // by eager push: 3 hops of 0.5 ms; by gossip it is 300 ms
			for j, m := range all {
				if m.times("news "+word) == 0 {
					t.Errorf("member %d has not heard %q after 20 ms", j, word)
				}
			}
		}
		time.Sleep(20 * time.Second) // all copies have come
		for i := range 20 {
			for j, m := range all {
				if got := m.times(fmt.Sprint("news word ", i)); got != 1 {
					t.Errorf("member %d heard word %d %d times", j, i, got)
				}
			}
		}
	})
}

func TestAWordOverTheLimitIsAnError(t *testing.T) {
	inMesh(t, 2, nil, func(t *testing.T, all []testMember, _ *sim.Network) {
		fits := bytes.Repeat([]byte("x"), WordMax-len("news"))
		if err := all[0].Say("news", fits); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if all[1].times("news "+string(fits)) != 1 {
			t.Error("a word of the full size was not heard within a second")
		}
		err := all[0].Say("news", append(fits, 'x'))
		if err == nil || !strings.Contains(err.Error(), "limit 1024") {
			t.Errorf("one byte more: %v", err)
		}
	})
}

func TestProbesCarrySummaries(t *testing.T) {
	inMesh(t, 5, nil, func(t *testing.T, all []testMember, _ *sim.Network) {
		time.Sleep(5 * time.Second)
		for i, m := range all {
			m.mu.Lock()
			for j := range all {
				if got := m.compared[fmt.Sprintf("id%d", j)]; i != j && got != fmt.Sprintf("sum%d", j) {
					t.Errorf("member %d has the summary %q of member %d", i, got, j)
				}
			}
			m.mu.Unlock()
		}
	})
}

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func TestKeysAreRotatedAndKept(t *testing.T) {
	dir := t.TempDir()
	file := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	inMesh(t, 4, func(i int, c *Config) { c.Key, c.KeyringFile = key(1), file(i) }, func(t *testing.T, all []testMember, _ *sim.Network) {
		for _, step := range []struct {
			op  KeyOperation
			key string
		}{{KeyInstall, key(2)}, {KeyUse, key(2)}, {KeyRemove, key(1)}} {
			if r, err := all[1].Keyring(step.op, step.key); err != nil || r.Answered != 4 {
				t.Fatalf("%s: %+v, %v", step.op, r, err)
			}
		}
		r, err := all[3].Keyring(KeyList, "")
		if err != nil || r.Keys[key(2)] != 4 || len(r.Keys) != 1 || r.Primary[key(2)] != 4 {
			t.Errorf("list: %+v, %v", r, err)
		}
		if err := all[0].Say("news", []byte("after")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if all[2].times("news after") != 1 {
			t.Error("a word under the new key was not heard")
		}
		c := Config{Key: key(1), KeyringFile: file(2)}
		keys, err := c.keys()
		if err != nil || len(keys) != 1 || keys[0][0] != 2 {
			t.Errorf("after a restart the keys are %v, %v: want the new one, whatever the configuration says", keys, err)
		}
	})
}

func TestAnotherKeyIsNoMemberAndATrouble(t *testing.T) {
	inMesh(t, 3, func(_ int, c *Config) { c.Key = key(1) }, func(t *testing.T, all []testMember, network *sim.Network) {
		stranger := startMember(t, network, 9, func(c *Config) { c.Key = key(2) })
		plain := startMember(t, network, 10, nil)
		for _, m := range []testMember{stranger, plain} {
			if _, err := m.Join([]string{"10.0.0.1:8301"}); err == nil {
				t.Error("joined without the key")
			}
		}
		time.Sleep(5 * time.Second)
		for i, m := range all {
			if m.status("id9") != "" || m.status("id10") != "" {
				t.Errorf("member %d took a stranger for a member", i)
			}
		}
		if all[0].trouble(WrongKey) == 0 {
			t.Error("the member says nothing of the wrong key")
		}
		for _, m := range []testMember{stranger, plain} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestACopiedIdentityIsATrouble(t *testing.T) {
	inMesh(t, 3, nil, func(t *testing.T, all []testMember, network *sim.Network) {
		twin := startMember(t, network, 9, func(c *Config) { c.ID = "id1" })
		twin.Join([]string{"10.0.0.1:8301"}) // it may say what it wants
		time.Sleep(10 * time.Second)
		told := 0
		for _, m := range append(all, twin) {
			told += m.trouble(CopiedIdentity)
		}
		if told == 0 {
			t.Error("nobody says that an identity is used twice")
		}
		if err := twin.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAHostReturnsWithAnotherAddress(t *testing.T) {
	inMesh(t, 5, nil, func(t *testing.T, all []testMember, network *sim.Network) {
		all[4].end.Crash()
		time.Sleep(6 * time.Second)
		if got := all[0].status("id4"); got != Failed {
			t.Fatalf("after the crash: %s", got)
		}
		moved := startMember(t, network, 20, func(c *Config) { c.ID = "id4" })
		if _, err := moved.Join([]string{"10.0.0.1:8301"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		for i, m := range all[:4] {
			if got := m.status("id4"); got != Alive {
				t.Errorf("member %d sees it %s", i, got)
			}
			for _, mm := range m.Members() {
				if mm.ID == "id4" && mm.Address != "10.0.0.21" {
					t.Errorf("member %d has the old address %s", i, mm.Address)
				}
			}
		}
		if err := moved.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBadKeysAreErrors(t *testing.T) {
	for _, k := range []string{"x", base64.StdEncoding.EncodeToString([]byte("short"))} {
		if _, err := Start(Config{ID: "a", Key: k, Forget: time.Hour}); err == nil || !strings.Contains(err.Error(), "16, 24 or 32") {
			t.Errorf("key %q: %v", k, err)
		}
	}
}

// TestOneThatReturnsIsAlive: a member that joins after another has left hears of
// that leave; when the other returns, it must not take it for leaving.
func TestOneThatReturnsIsAlive(t *testing.T) {
	inMesh(t, 3, nil, func(t *testing.T, all []testMember, network *sim.Network) {
		join := func(m testMember) {
			t.Helper()
			if _, err := m.Join([]string{"10.0.0.1:8301"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		if err := all[2].Leave(); err != nil {
			t.Fatal(err)
		}
		late := startMember(t, network, 3, nil)
		defer late.Close()
		join(late)
		again := startMember(t, network, 4, func(c *Config) { c.ID = "id2" })
		defer again.Close()
		join(again)
		for i, m := range []testMember{all[0], all[1], late} {
			if got := m.status("id2"); got != Alive {
				t.Errorf("%d sees it %q", i, got)
			}
		}
	})
}
