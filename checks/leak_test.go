package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// holdings is what a process can leak.
type holdings struct{ goroutines, files, children int }

func hold(t testing.TB) holdings {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	h := holdings{goroutines: runtime.NumGoroutine(), files: len(files)}
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		h.children += len(strings.Fields(string(b)))
	}
	return h
}

// Every kind, succeeding and failing, many times: after Close nothing is left,
// no goroutine, no descriptor, no child, no zombie.
func TestNothingLeaks(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer web.Close()
	secure := httptest.NewUnstartedServer(web.Config.Handler)
	secure.EnableHTTP2, secure.Config.ErrorLog = true, quiet
	secure.StartTLS()
	defer secure.Close()
	_, host := startEngine(t)
	t.Setenv("DOCKER_HOST", host)
	startBus(t)
	s, l := grpc.NewServer(), listen(t)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { s.Stop(); <-done }()
	mute, none := silent(t), closed(t)
	defs := []Definition{
		{Args: []string{"true"}}, {Args: []string{"sleep", "1000"}}, {Args: []string{"/no/such"}},
		{HTTP: web.URL}, {HTTP: secure.URL, TLSSkipVerify: true}, {HTTP: secure.URL}, {HTTP: "http://" + mute}, {HTTP: "http://" + none},
		{TCP: mute}, {TCP: none}, {TCP: mute, TCPUseTLS: true},
		{UDP: mute}, {UDP: none},
		{GRPC: l.Addr().String()}, {GRPC: mute}, {GRPC: none},
		{H2Ping: secure.Listener.Addr().String(), H2PingUseTLS: true, TLSSkipVerify: true}, {H2Ping: mute}, {H2Ping: none}, {H2Ping: web.Listener.Addr().String()},
		{DockerContainerID: "web", Args: []string{"true"}}, {DockerContainerID: "web", Args: []string{"sleep", "1000"}}, {DockerContainerID: "db", Args: []string{"true"}},
		{OSService: "web"}, {TTL: 500 * time.Millisecond}, {AliasNode: "n"},
	}
	round := func() {
		b := &book{}
		r := NewRunner(Config{AllowScripts: true, Report: b.report, Alias: func(string, string) (Status, string, bool) { return Passing, "", true }})
		for i, d := range defs {
			d.ID, d.Timeout = fmt.Sprint(i), 100*time.Millisecond
			if d.TTL == 0 {
				d.Interval = time.Hour // and run when asked
			}
			mustPut(t, r, d)
			r.Run(d.ID)
		}
		for i, d := range defs {
			for deadline := time.Now().Add(10 * time.Second); len(b.of(fmt.Sprint(i))) == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("no result of %+v", d)
				}
			}
		}
		r.Close()
		web.CloseClientConnections()
		secure.CloseClientConnections()
	}
	round() // what is made once is made now
	time.Sleep(100 * time.Millisecond)
	before := hold(t)
	for range 3 {
		round()
	}
	var after holdings
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if after = hold(t); after.goroutines <= before.goroutines && after.files <= before.files && after.children <= before.children {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("before %+v, after %+v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
}
