package checks

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// No Docker engine is at hand where these tests run. A fakeEngine is a real
// HTTP server on a unix socket that speaks the engine's API for exec as
// docs.docker.com/reference/api/engine describes it, and runs the programs on
// this host. What no test has seen is a real container.
type fakeEngine struct {
	mu    sync.Mutex
	execs map[string]*fakeExec
	bad   string // sent as the output stream instead
}

type fakeExec struct {
	Cmd, Env     []string
	AttachStdout bool
	AttachStderr bool

	running bool
	code    *int
	asked   int
}

func startEngine(t testing.TB) (*fakeEngine, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEngine{execs: make(map[string]*fakeExec)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /containers/{id}/exec", e.create)
	mux.HandleFunc("POST /exec/{id}/start", e.start)
	mux.HandleFunc("GET /exec/{id}/json", e.inspect)
	s := &http.Server{Handler: mux, ErrorLog: quiet}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return e, "unix://" + path
}

func (e *fakeEngine) create(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != "web" {
		w.WriteHeader(404)
		fmt.Fprintf(w, `{"message":"No such container: %s"}`, r.PathValue("id"))
		return
	}
	x := &fakeExec{}
	if err := json.NewDecoder(r.Body).Decode(x); err != nil || !x.AttachStdout || !x.AttachStderr {
		w.WriteHeader(400)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id := fmt.Sprintf("exec%d", len(e.execs))
	e.execs[id] = x
	w.WriteHeader(201)
	fmt.Fprintf(w, `{"Id":%q}`, id)
}

// A frameWriter is one stream of the multiplexed output.
type frameWriter struct {
	mu     *sync.Mutex
	w      io.Writer
	stream byte
}

func (f frameWriter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	header := [8]byte{f.stream}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	f.w.Write(append(header[:], p...))
	f.w.(http.Flusher).Flush()
	return len(p), nil
}

func (e *fakeEngine) start(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	x, bad := e.execs[r.PathValue("id")], e.bad
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/vnd.docker.multiplexed-stream")
	if bad != "" {
		fmt.Fprint(w, bad)
		return
	}
	var mu sync.Mutex
	cmd := exec.Command(x.Cmd[0], x.Cmd[1:]...)
	cmd.Env = append(os.Environ(), x.Env...)
	cmd.Stdout, cmd.Stderr = frameWriter{&mu, w, 1}, frameWriter{&mu, w, 2}
	e.set(x, true, nil)
	err := cmd.Run() // goes on when the client has hung up, as the engine does
	code := cmd.ProcessState.ExitCode()
	if err != nil && code < 0 {
		code = 137
	}
	e.set(x, false, &code)
}

func (e *fakeEngine) set(x *fakeExec, running bool, code *int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.running, x.code = running, code
}

func (e *fakeEngine) inspect(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.execs[r.PathValue("id")]
	x.asked++
	if x.asked == 1 { // the engine may note the end later than the stream's
		fmt.Fprint(w, `{"Running":true,"ExitCode":0}`)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"ID": "x", "Running": x.running, "ExitCode": x.code, "Pid": 1})
}

func inContainer(script string) Definition {
	return Definition{ID: "d", DockerContainerID: "web", Args: []string{"/bin/sh", "-c", script}, Interval: time.Second}.settled()
}

func TestDocker(t *testing.T) {
	_, host := startEngine(t)
	missing := inContainer("true")
	missing.DockerContainerID = "db"
	line := inContainer("")
	line.Shell, line.Args = "/bin/sh", []string{"echo one; exit 1"}
	for _, tt := range []struct {
		name   string
		d      Definition
		status Status
		output string
	}{
		{"passing", inContainer("echo out"), Passing, "out\n"},
		{"warning", inContainer("echo err >&2; exit 1"), Warning, "err\n"},
		{"critical", inContainer("exit 7"), Critical, ""},
		{"shell", line, Warning, "one\n"},
		{"no container", missing, Critical, "/containers/db/exec: 404 Not Found: No such container: db"},
		{"much output", inContainer("yes | head -c 100000"), Passing, "Captured 4096 of 100000 bytes\n...\n" + strings.Repeat("y\n", 2048)},
	} {
		if status, output := look(t, dockerProbe(tt.d, host), 10*time.Second); status != tt.status || output != tt.output {
			t.Errorf("%s: got %s %q, want %s %q", tt.name, status, output, tt.status, tt.output)
		}
	}
	if status, output := look(t, dockerProbe(inContainer("true"), "unix:///no/such.sock"), time.Second); status != Critical || !strings.Contains(output, "/no/such.sock") {
		t.Errorf("no engine: got %s %q", status, output)
	}
	if status, output := look(t, dockerProbe(inContainer("true"), "npipe:////x"), time.Second); status != Critical || !strings.Contains(output, "DOCKER_HOST") {
		t.Errorf("not an address we know: got %s %q", status, output)
	}
}

func TestDockerBadStream(t *testing.T) {
	e, host := startEngine(t)
	e.bad = "this is no frame at all"
	if status, output := look(t, dockerProbe(inContainer("true"), host), time.Second); status != Critical || !strings.HasPrefix(output, "read exec output: frame header") {
		t.Errorf("got %s %q", status, output)
	}
}

// The engine cannot end an exec; we can, on this host.
func TestDockerLate(t *testing.T) {
	t.Parallel()
	_, host := startEngine(t)
	file := filepath.Join(t.TempDir(), "pids")
	probe := dockerProbe(inContainer("echo $$ >>"+file+"; echo begun; setsid sleep 1000 & echo $! >>"+file+"; wait"), host)
	status, output := look(t, probe, 500*time.Millisecond)
	if status != Critical || output != "begun\n" {
		t.Errorf("got %s %q", status, output)
	}
	gone(t, file, 2)
}

// On another host we can only wait, and must not start a second one.
func TestDockerLateElsewhere(t *testing.T) {
	t.Parallel()
	_, host := startEngine(t)
	e, err := newEngine(host)
	if err != nil {
		t.Fatal(err)
	}
	e.local = false
	stop := filepath.Join(t.TempDir(), "stop")
	d := inContainer("while [ ! -e " + stop + " ]; do sleep 0.05; done; echo over")
	probe := engineProbe(d, e)
	look(t, probe, 300*time.Millisecond)
	if _, output := look(t, probe, time.Second); !strings.Contains(output, "previous run") {
		t.Errorf("got %q", output)
	}
	if _, output := look(t, probe, time.Second); !strings.Contains(output, "previous run") {
		t.Errorf("got %q", output)
	}
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, output := look(t, probe, time.Second)
		if status == Passing && output == "over\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %s %q", status, output)
		}
	}
}

func TestDockerCancelled(t *testing.T) {
	_, host := startEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _ := dockerProbe(inContainer("true"), host)(ctx); status != Critical {
		t.Errorf("got %s", status)
	}
}

// Whatever the engine sends, what comes out is what the frames hold, and never
// more than what went in.
func FuzzDemultiplex(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02hi\x02\x00\x00\x00\x00\x00\x00\x01!"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffhi"))
	f.Add([]byte("\x09\x00\x00\x00\x00\x00\x00\x02hi"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		err := demultiplex(&out, bytes.NewReader(in))
		if out.Len() > len(in) {
			t.Errorf("%d bytes out of %d", out.Len(), len(in))
		}
		if err == nil && len(in) > 0 && (out.Len()+8 > len(in)) {
			t.Errorf("%d bytes out of %d in whole frames", out.Len(), len(in))
		}
	})
}

func TestDemultiplex(t *testing.T) {
	for _, tt := range []struct {
		in, out string
		ok      bool
	}{
		{"", "", true},
		{"\x01\x00\x00\x00\x00\x00\x00\x02hi\x02\x00\x00\x00\x00\x00\x00\x01!", "hi!", true},
		{"\x01\x00\x00\x00\x00\x00\x00\x02h", "h", false},
		{"\x01\x00\x00", "", false},
		{"\x04\x00\x00\x00\x00\x00\x00\x02hi", "", false},
	} {
		var out bytes.Buffer
		if err := demultiplex(&out, strings.NewReader(tt.in)); out.String() != tt.out || (err == nil) != tt.ok {
			t.Errorf("%q: got %q, %v", tt.in, out.String(), err)
		}
	}
}
