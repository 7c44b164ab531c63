package checks

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// startBus runs a real dbus-daemon of our own, and makes it the system bus of
// this process.
func startBus(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("dbus-daemon is missing; install the package dbus")
		}
		t.Skip("dbus-daemon is missing")
	}
	address, config := busConfig(t)
	cmd := exec.Command(program, "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("dbus-daemon did not start: %v", err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
}

func busConfig(t *testing.T) (address, config string) {
	address = "unix:path=" + filepath.Join(t.TempDir(), "bus")
	config = filepath.Join(t.TempDir(), "bus.conf")
	text := `<busconfig><type>system</type><listen>` + address + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return address, config
}

func TestOSServiceBusWithoutSystemd(t *testing.T) {
	startBus(t)
	d := Definition{OSService: "web"}.settled()
	if status, output := look(t, osServiceProbe(d, systemBus), 2*time.Second); status != Critical || !strings.Contains(output, "systemd1") {
		t.Errorf("got %s %q", status, output)
	}
}

// The real systemd, as a user's manager in namespaces of its own (as process 1
// it would need a machine), on a bus that we take for the system bus. What this
// leaves out is the private socket that root falls back to where there is no bus.
const systemdScript = `
for group in /sys/fs/cgroup/systemd/yodel-test-$$ /sys/fs/cgroup/unified/yodel-test-$$; do
	mkdir $group 2>/dev/null && echo $$ >$group/cgroup.procs && echo $group
done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
mount --bind $DIR /run/user/0 # where the bus can be reached from outside
mkdir -p /run/user/0/systemd/user
export XDG_RUNTIME_DIR=/run/user/0
printf '[Socket]\nListenStream=%%t/bus\n' >/run/user/0/systemd/user/dbus.socket
unit() { printf '[Service]\n%b\n' "$2" >/run/user/0/systemd/user/$1.service; }
unit web 'ExecStart=/bin/sleep 1000'
unit a.b 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true'
unit start 'Type=oneshot\nExecStart=/bin/sleep 1000'
unit again 'ExecStart=/bin/sleep 1000\nExecReload=/bin/sleep 1000'
unit stop 'ExecStart=/bin/sleep 1000\nExecStop=/bin/sleep 1000'
unit off 'ExecStart=/bin/true'
unit bad 'ExecStart=/bin/false'
ln -s /dev/null /run/user/0/systemd/user/no.service
unit dbus "Sockets=dbus.socket\nExecStart=$(command -v dbus-daemon) --config-file=$CONFIG --address=systemd: --nofork --nopidfile"
/lib/systemd/systemd --user --log-target=null &
until systemctl --user start dbus.service 2>/dev/null; do sleep 0.05; done
systemctl --user start web a.b again stop bad
systemctl --user start --no-block start
systemctl --user reload --no-block again
systemctl --user stop --no-block stop
sleep 0.5
echo ready
wait
`

func startSystemd(t *testing.T) {
	t.Helper()
	for _, need := range []string{"/lib/systemd/systemd", "unshare", "dbus-daemon", "systemctl"} {
		if _, err := exec.LookPath(need); err != nil || os.Getuid() != 0 {
			if os.Getenv("CI") != "" {
				t.Fatal("needs root, and ", need, " of the packages systemd, dbus and util-linux")
			}
			t.Skip("needs root, and ", need)
		}
	}
	dir := t.TempDir()
	_, config := busConfig(t)
	cmd := exec.Command("unshare", "--mount", "--propagation=private", "--fork", "--kill-child", "--pid", "--mount-proc", "/bin/sh", "-c", systemdScript)
	cmd.Env = append(os.Environ(), "CONFIG="+config, "DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var groups []string
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		for _, g := range groups {
			removeGroup(t, g)
		}
	})
	stop := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer stop.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+dir+"/bus")
			return
		}
		groups = append(groups, lines.Text())
	}
	t.Fatal("systemd did not start within 20 s")
}

// removeGroup removes a cgroup and those below it, once what was in them is gone.
func removeGroup(t *testing.T, group string) {
	below, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, b := range below {
		if b.IsDir() {
			removeGroup(t, filepath.Join(group, b.Name()))
		}
	}
	for range 100 {
		if err = os.Remove(group); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(err)
}

func TestOSService(t *testing.T) {
	startSystemd(t)
	for _, tt := range []struct {
		unit   string
		status Status
		output string
	}{
		{"web", Passing, "unit web.service is active (running)"},
		{"web.service", Passing, "unit web.service is active (running)"},
		{"basic.target", Passing, "unit basic.target is active (active)"},
		{"a.b", Passing, "unit a.b.service is active (exited)"},
		{"start", Warning, "unit start.service is activating (start)"},
		{"again", Warning, "unit again.service is reloading (reload)"},
		{"stop", Critical, "unit stop.service is deactivating (stop)"},
		{"off", Critical, "unit off.service is inactive (dead)"},
		{"bad", Critical, "unit bad.service is failed (failed)"},
		{"no", Critical, "unit no.service is masked"},
		{"what", Critical, "unit what.service is not-found"},
	} {
		d := Definition{OSService: tt.unit}.settled()
		if status, output := look(t, osServiceProbe(d, systemBus), 5*time.Second); status != tt.status || output != tt.output {
			t.Errorf("%s: got %s %q, want %s %q", tt.unit, status, output, tt.status, tt.output)
		}
	}
}

func TestOSServiceWithoutABus(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/no/such/bus")
	d := Definition{OSService: "web"}.settled()
	if status, output := look(t, osServiceProbe(d, systemBus), time.Second); status != Critical || !strings.HasPrefix(output, "connect to systemd: ") {
		// Root on a host with systemd gets an answer by the private socket.
		if _, err := os.Stat("/run/systemd/private"); err != nil {
			t.Errorf("got %s %q", status, output)
		}
	}
}

// A bus that accepts and says nothing must not hold the check for ever.
func TestOSServiceSilentBus(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=127.0.0.1,port="+strings.TrimPrefix(silent(t), "127.0.0.1:"))
	begin := time.Now()
	d := Definition{OSService: "web"}.settled()
	status, output := look(t, osServiceProbe(d, systemBus), 300*time.Millisecond)
	if status != Critical || time.Since(begin) > 20*time.Second {
		t.Errorf("got %s %q after %s", status, output, time.Since(begin))
	}
}

type brokenLister struct{ rows []dbus.UnitStatus }

func (b brokenLister) Close() {}
func (b brokenLister) ListUnitsByNamesContext(context.Context, []string) ([]dbus.UnitStatus, error) {
	if b.rows == nil {
		return nil, errors.New("access denied")
	}
	return b.rows, nil
}

func TestOSServiceStrangeAnswers(t *testing.T) {
	for want, rows := range map[string][]dbus.UnitStatus{
		"ask systemd for web.service: access denied": nil,
		"ask systemd for web.service: 0 answers":     {},
	} {
		p := osServiceProbe(Definition{OSService: "web"}.settled(), func(context.Context) (unitLister, error) { return brokenLister{rows}, nil })
		if status, output := look(t, p, time.Second); status != Critical || output != want {
			t.Errorf("got %s %q, want %q", status, output, want)
		}
	}
}
