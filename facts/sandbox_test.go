package facts

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/yodel-mesh/yodel/catalog"
)

const sandboxed = "YODEL_TEST_SANDBOXED" // set in the child of TestInTheSandboxOfTheUnit

// The unit runs the agent as an ordinary user who sees every mount read-only
// and a /tmp of his own. It must say of the machine what root says outside.
func TestInTheSandboxOfTheUnit(t *testing.T) {
	if os.Getenv(sandboxed) != "" {
		f, errs := Collect(t.Context(), Options{HostName: "h.example"})
		for _, err := range errs {
			t.Error(err)
		}
		if err := json.NewEncoder(os.NewFile(4, "facts")).Encode(f); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Getuid() != 0 {
		need(t, "root, for a mount namespace")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		need(t, "setpriv")
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	said, err := os.CreateTemp(t.TempDir(), "facts")
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	child := exec.Command("unshare", "--mount", "/bin/sh", "-ec",
		`mount -o remount,bind,ro /; mount -t tmpfs tmpfs /tmp; cd /
		exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all \
			/proc/self/fd/3 -test.run='^TestInTheSandboxOfTheUnit$'`)
	child.Env = append(os.Environ(), sandboxed+"=1")
	child.ExtraFiles = []*os.File{self, said}
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var inside catalog.Facts
	b, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &inside); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	outside, _ := Collect(t.Context(), Options{HostName: "h.example"})
	outside.OS.Serial = "" // for root only
	if got, want := string(encode(t, inside)), string(encode(t, outside)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
