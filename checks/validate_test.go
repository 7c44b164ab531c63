package checks

import (
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	script := Definition{ID: "a", Args: []string{"true"}, Interval: time.Second}
	with := func(change func(*Definition)) Definition {
		d := script
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name string
		d    Definition
		want []string // empty: valid; otherwise the beginning of each problem
	}{
		{"a script", script, nil},
		{"a name is enough", Definition{Name: "a", TTL: time.Second}, nil},
		{"nothing", Definition{}, []string{"name: ", "check: no kind"}},
		{"two kinds", with(func(d *Definition) { d.HTTP = "http://x" }), []string{"check: 2 kinds at once (script, http)"}},
		{"docker is one kind", with(func(d *Definition) { d.DockerContainerID = "c" }), nil},
		{"docker without args", Definition{ID: "a", DockerContainerID: "c", Interval: time.Second}, []string{"args: missing"}},
		{"no interval", with(func(d *Definition) { d.Interval = 0 }), []string{"interval: missing; a script check"}},
		{"a short interval is raised", with(func(d *Definition) { d.Interval = time.Millisecond }), nil},
		{"negative times", with(func(d *Definition) { d.Interval, d.Timeout = -1, -1 }), []string{"interval: -1ns is negative", "timeout: -1ns"}},
		{"long times", with(func(d *Definition) { d.Interval, d.Timeout = 1e18, 2*time.Hour }), []string{"interval: 277777h46m40s is above", "timeout: 2h0m0s is above"}},
		{"ttl and interval", Definition{ID: "a", TTL: 1, Interval: 1}, []string{"interval: a ttl check has none"}},
		{"negative ttl", Definition{ID: "a", TTL: -1}, []string{"ttl: "}},
		{"negative death", with(func(d *Definition) { d.DeregisterCriticalServiceAfter = -1 }), []string{"deregister_critical_service_after: "}},
		{"sizes", with(func(d *Definition) { d.OutputMaxSize, d.SuccessBeforePassing = 2<<20, -1 }), []string{"success_before_passing: -1", "output_max_size: 2097152 is outside"}},
		{"thresholds", with(func(d *Definition) { d.FailuresBeforeWarning = 2 }), []string{"failures_before_warning: 2 is above failures_before_critical, 0"}},
		{"status", with(func(d *Definition) { d.Status = "good" }), []string{`status: "good"`}},
		{"empty program", with(func(d *Definition) { d.Args = []string{""} }), []string{"args: "}},
		{"long text", with(func(d *Definition) { d.Notes = strings.Repeat("x", 70_000) }), []string{"notes: 70000 bytes, above the limit of 65536"}},
		{"many args", with(func(d *Definition) { d.Args = make([]string, 300); d.Args[0] = "x" }), []string{"args: 300 of them"}},
		{"url", Definition{ID: "a", HTTP: "ftp://x", Interval: 1}, []string{"http: "}},
		{"url without host", Definition{ID: "a", HTTP: "http:///x", Interval: 1}, []string{"http: "}},
		{"url that is none", Definition{ID: "a", HTTP: "http://x:y/", Interval: 1}, []string{"http: "}},
		{"method and header", Definition{ID: "a", HTTP: "http://x", Method: "GE T", Header: map[string][]string{"A B": {"x"}, "C": {"x\n"}}, Interval: 1}, []string{"method: ", "header: ", "header: "}},
		{"tcp", Definition{ID: "a", TCP: "host", Interval: 1}, []string{"tcp: \"host\" is not host:port"}},
		{"tcp port", Definition{ID: "a", TCP: "host:0", Interval: 1}, []string{"tcp: the port"}},
		{"udp", Definition{ID: "a", UDP: "host:70000", Interval: 1}, []string{"udp: the port"}},
		{"grpc with service", Definition{ID: "a", GRPC: "[::1]:80/svc/x", Interval: 1}, nil},
		{"grpc", Definition{ID: "a", GRPC: "/svc", Interval: 1}, []string{"grpc: "}},
		{"h2ping", Definition{ID: "a", H2Ping: "host:http", Interval: 1}, []string{"h2ping: "}},
		{"alias", Definition{ID: "a", AliasService: "web"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if err := tt.d.Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("problem %d: got %q, want %q...", i, got[i], tt.want[i])
				}
			}
		})
	}
}

func TestKind(t *testing.T) {
	for want, d := range map[string]Definition{
		"":           {},
		"script":     {Args: []string{"x"}},
		"docker":     {Args: []string{"x"}, DockerContainerID: "c"},
		"http":       {HTTP: "x"},
		"tcp":        {TCP: "x"},
		"udp":        {UDP: "x"},
		"ttl":        {TTL: 1},
		"grpc":       {GRPC: "x"},
		"h2ping":     {H2Ping: "x"},
		"alias":      {AliasNode: "x"},
		"os_service": {OSService: "x"},
	} {
		if got := d.Kind(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	d := Definition{Name: "n", Args: []string{"x"}, Interval: 5, DeregisterCriticalServiceAfter: 5}.settled()
	if d.ID != "n" || d.Status != Critical || d.Interval != time.Second || d.Timeout != 30*time.Second ||
		d.DeregisterCriticalServiceAfter != time.Minute || d.OutputMaxSize != 4096 {
		t.Errorf("got %+v", d)
	}
	if got := (Definition{TCP: "x"}).settled().Timeout; got != 10*time.Second {
		t.Errorf("timeout of tcp: got %s", got)
	}
}
