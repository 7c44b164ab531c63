package checks

import (
	"os"
	"strings"
	"testing"
)

// A script inherits the agent's oom_score_adj, which the unit changes.
func TestAScriptIsTheFirstToGoForWantOfMemory(t *testing.T) {
	const own = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("200"), 0); err != nil { // raising it is everybody's right
		t.Fatal(err)
	}
	defer os.WriteFile(own, before, 0)
	d := Definition{Args: []string{"sh", "-c", "sleep 0.2; cat /proc/$$/oom_score_adj"}}.settled()
	if _, out := scriptProbe(d)(t.Context()); strings.TrimSpace(out) != "0" {
		t.Errorf("the script's oom_score_adj is %q, want 0", out)
	}
}
