package world

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

// mutations are deliberately broken builds, each with a plan under which the
// invariant of that name must break, and does not in a build that is whole.
var mutations = []struct {
	name      string
	file      string // from the root of the module
	old, new  string
	disk      bool
	plan      Step
	invariant string
}{
	{
		name: "no anti-entropy",
		file: "node/hear.go", old: "equal := theirs == n.summary.Load()", new: "equal := true || theirs == 0",
		plan:      During{sim.Cut{A: "dc1", B: "dc2"}, 10 * time.Second},
		invariant: "catalogs converge",
	},
	{
		name: "numbers are used again after a crash",
		file: "node/say.go", old: "entries[i].Number = first + uint64(i)", new: "entries[i].Number = first*0 + from + 1 + uint64(i)",
		disk:      true,
		plan:      Sequence{Flip{A: "n3", Every: 300 * time.Millisecond, Times: 2}, Crash{A: "n3", For: 2 * time.Second}, Flip{A: "n3", Every: 300 * time.Millisecond, Times: 5}},
		invariant: "an entry never changes under its number",
	},
	{
		name: "an old entry is believed again",
		file: "catalog/said.go", old: "if e.Number > s.have && e.Number > s.belief(e.Key).Number {", new: "if e.Number > s.have {",
		plan: Parallel{
			During{sim.Reorder{Rate: 0.5, Late: 2 * time.Second}, 10 * time.Second}, During{sim.Loss{Rate: 0.2}, 10 * time.Second},
			Flip{Every: 250 * time.Millisecond, Times: 20},
		},
		invariant: "nothing deleted returns",
	},
	{
		name: "DNS is not told of the dead",
		file: "node/publish.go", old: "n.resolve(names)\n\tclose", new: "if all[0].After == nil || all[0].After.Status.Here() { n.resolve(names) }\n\tclose",
		plan:      Crash{A: "n3", For: 20 * time.Second},
		invariant: "no answer holds a dead or critical instance",
	},
	{
		name: "events are taken slowly",
		file: "gossip/listen.go", old: "m.take(e)\n", new: "m.take(e); <-after()\n",
		plan:      Flip{Every: 250 * time.Millisecond, Times: 20},
		invariant: "queues stay short",
	},
}

// after is what one mutation adds to a file: an import would be one edit more.
const after = "\nfunc after() chan bool { c := make(chan bool); time.AfterFunc(time.Second, func() { close(c) }); return c }\n"

var mutation = flag.String("mutation", "", "run the plan of this mutation only, and say which invariant broke")

func mutationConfig(disk bool) Config {
	return Config{Seed: 7, Nodes: 12, Datacenters: 2, Racks: 2, Disk: disk}
}

// TestPlansHold: what is to break a mutated build does not break a whole one.
func TestPlansHold(t *testing.T) {
	for _, m := range mutations {
		if *mutation != "" && *mutation != m.name {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, err := Run(mutationConfig(m.disk), m.plan); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestMutationsAreCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("builds broken copies of yodel")
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			out, err := runMutated(t, m.name, m.file, m.old, m.new)
			if err == nil {
				t.Fatalf("nobody noticed:\n%s", out)
			}
			if !strings.Contains(out, m.invariant+": broken at") {
				t.Errorf("not caught by %q:\n%.2000s", m.invariant, out)
			}
		})
	}
}

// runMutated runs the plan of a mutation in a build with one edit.
func runMutated(t *testing.T, name, file, old, edit string) (string, error) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), old); n != 1 {
		t.Fatalf("%s has %q %d times: the mutation has to follow the code", file, old, n)
	}
	text := strings.Replace(string(source), old, edit, 1)
	if strings.Contains(edit, "after()") {
		text = strings.Replace(text, "import (", "import (\n\t\"time\"\n", 1) + after
	}
	dir := t.TempDir()
	mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	for p, b := range map[string][]byte{mutant: []byte(text), overlay: b} {
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count", "1", "-run", "^TestPlansHold$", ".", "-mutation", name)
	out, err := c.CombinedOutput()
	return string(out), err
}
