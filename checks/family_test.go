package checks

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	k, ok := parseStat("4711 (a ) S 1 (b)) R 12 13 14 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3\n")
	if want := (kinsman{pid: 4711, parent: 12, group: 13, state: 'R', start: 987654}); !ok || k != want {
		t.Errorf("got %+v %v, want %+v", k, ok, want)
	}
	me, ok := readKinsman(os.Getpid())
	if !ok || me.pid != os.Getpid() || me.parent != os.Getppid() || me.start == 0 {
		t.Errorf("of myself: %+v %v", me, ok)
	}
	if _, ok := readKinsman(1 << 30); ok {
		t.Error("found a process that cannot be")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("4711 (sh) S 1 4711 4711 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3\n")
	f.Add("1 () ) (")
	f.Fuzz(func(t *testing.T, line string) {
		if k, ok := parseStat(line); !ok && k != (kinsman{}) {
			t.Errorf("refused, and yet %+v", k)
		}
	})
}
