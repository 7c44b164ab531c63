package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
)

func mustLoad(t *testing.T, s Source) Config {
	t.Helper()
	c, _, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every field and every kind of check of Consul's definitions, in both languages.
func TestConsulDefinitions(t *testing.T) {
	fromHCL := mustLoad(t, Source{Paths: []string{"testdata/good/consul.d.hcl"}})
	fromJSON := mustLoad(t, Source{Paths: []string{"testdata/good/consul.d.json"}})
	if !reflect.DeepEqual(fromHCL, fromJSON) {
		t.Errorf("HCL and JSON differ:\n%+v\n%+v", fromHCL, fromJSON)
	}
	services := []Service{
		{
			Service: catalog.Service{ID: "redis-1", Name: "redis", Tags: []string{"primary", "v7"}, Address: "10.0.0.5", Port: 8000,
				Meta: map[string]string{"version": "7.2"},
				TaggedAddresses: map[string]catalog.TaggedAddress{
					"lan": {Address: "192.168.0.55", Port: 8000}, "wan": {Address: "198.18.0.23", Port: 80}},
				Weights: catalog.Weights{Passing: 5, Warning: 1}, EnableTagOverride: true},
			Checks: []checks.Definition{{ID: "service:redis-1", Name: "Service 'redis' check", ServiceID: "redis-1",
				Args: []string{"/usr/local/bin/check_redis.py", "-p", "8000"}, Interval: 10 * time.Second, Timeout: time.Second}},
		},
		{
			Service: catalog.Service{ID: "api", Name: "api", Port: 8080},
			Checks: []checks.Definition{
				{ID: "api-http", Name: "HTTP API on port 8080", ServiceID: "api", HTTP: "https://localhost:8080/health",
					TLSServerName: "api.example.com", TLSSkipVerify: true, Method: "POST",
					Header: map[string][]string{"Content-Type": {"application/json"}, "X": {"1", "2"}},
					Body:   `{"method":"health"}`, DisableRedirects: true, Interval: 10 * time.Second, Timeout: time.Second,
					SuccessBeforePassing: 3, FailuresBeforeWarning: 1, FailuresBeforeCritical: 2,
					DeregisterCriticalServiceAfter: 90 * time.Minute, OutputMaxSize: 8192, Status: checks.Passing, Notes: "of the API"},
				{ID: "service:api:2", Name: "Service 'api' check", ServiceID: "api", TCP: "localhost:8080", TCPUseTLS: true,
					Interval: 10 * time.Second},
			},
		},
	}
	if !reflect.DeepEqual(fromHCL.Services, services) {
		t.Errorf("services:\n%+v\nwant:\n%+v", fromHCL.Services, services)
	}
	ten := 10 * time.Second
	node := []checks.Definition{
		{ID: "udp", Name: "udp", UDP: "localhost:9053", Interval: ten, Timeout: time.Second},
		{ID: "ttl", Name: "ttl", TTL: 30 * time.Second, ServiceID: "api"},
		{ID: "docker", Name: "docker", DockerContainerID: "f972c95ebf0e", Shell: "/bin/bash", Args: []string{"/check.py"}, Interval: ten},
		{ID: "grpc", Name: "grpc", GRPC: "127.0.0.1:12345/my.Service", GRPCUseTLS: true, Interval: ten},
		{ID: "h2ping", Name: "h2ping", H2Ping: "localhost:22222", H2PingUseTLS: true, Interval: ten},
		{ID: "h2c", Name: "h2c", H2Ping: "localhost:22223", Interval: ten},
		{ID: "alias", Name: "alias", AliasService: "redis-1"},
		{ID: "alias node", Name: "alias node", AliasNode: "dn1"},
		{ID: "units", Name: "units", OSService: "sshd.service", Interval: time.Minute},
	}
	if !reflect.DeepEqual(fromHCL.Checks, node) {
		t.Errorf("checks:\n%+v\nwant:\n%+v", fromHCL.Checks, node)
	}
}

// The bodies of Consul's HTTP API: Registrator's, Spring's and the Go client's.
func TestParseServiceBodies(t *testing.T) {
	body := `{"ID": "web-1", "Name": "web", "Tags": null, "Port": 80, "Address": "10.0.0.1", "EnableTagOverride": true,
		"TaggedAddresses": {"lan": {"Address": "10.0.0.1", "Port": 80}}, "Weights": {"Passing": 10, "Warning": 1},
		"Meta": {"a": "b"}, "Kind": "", "Proxy": null, "Connect": null, "Checks": null,
		"Check": {"CheckID": "c1", "Name": "up", "HTTP": "http://10.0.0.1/", "Interval": "10s", "Timeout": "1s",
			"TLSSkipVerify": true, "Header": {"A": ["b"]}, "DeregisterCriticalServiceAfter": "30m", "Status": "passing"}}`
	got, err := ParseService("body", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := Service{
		Service: catalog.Service{ID: "web-1", Name: "web", Port: 80, Address: "10.0.0.1", EnableTagOverride: true,
			TaggedAddresses: map[string]catalog.TaggedAddress{"lan": {Address: "10.0.0.1", Port: 80}},
			Weights:         catalog.Weights{Passing: 10, Warning: 1}, Meta: map[string]string{"a": "b"}},
		Checks: []checks.Definition{{ID: "c1", Name: "up", ServiceID: "web-1", HTTP: "http://10.0.0.1/",
			Interval: 10 * time.Second, Timeout: time.Second, TLSSkipVerify: true, Header: map[string][]string{"A": {"b"}},
			DeregisterCriticalServiceAfter: 30 * time.Minute, Status: checks.Passing}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestParseCheckBodies(t *testing.T) {
	for body, want := range map[string]checks.Definition{
		`{"ID": "mem", "Name": "Memory", "ScriptArgs": ["/bin/mem"], "Interval": "10s", "DockerContainerID": "x", "Shell": "sh"}`: {
			ID: "mem", Name: "Memory", Args: []string{"/bin/mem"}, Interval: 10 * time.Second, DockerContainerID: "x", Shell: "sh"},
		`{"Name": "h2", "H2PING": "h:1", "H2PingUseTLS": false, "Interval": "1s", "ServiceID": "web"}`: {
			ID: "h2", Name: "h2", H2Ping: "h:1", Interval: time.Second, ServiceID: "web"},
		`{"name": "a", "alias_service": "web", "AliasNode": "n1"}`: {ID: "a", Name: "a", AliasService: "web", AliasNode: "n1"},
		`{"Name": "g", "GRPC": "h:1", "GRPCUseTLS": true, "Interval": "1s", "TLSServerName": "n", "OutputMaxSize": 10}`: {
			ID: "g", Name: "g", GRPC: "h:1", GRPCUseTLS: true, Interval: time.Second, TLSServerName: "n", OutputMaxSize: 10},
		`{"Name": "t", "TTL": "15s", "FailuresBeforeCritical": 1, "SuccessBeforePassing": 2}`: {
			ID: "t", Name: "t", TTL: 15 * time.Second, FailuresBeforeCritical: 1, SuccessBeforePassing: 2},
	} {
		got, err := ParseCheck("body", []byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant:\n%+v", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{"Name": "t", "TTL": 15}`:    `body:1: ttl: want a duration, got a number; write it with a unit and in quotes: "15s"`,
		`{"Name": "t", "Tll": "15s"}`: "body:1: Tll: unknown key; did you mean ttl?",
		`{"Name": "t"`:                "body:1: parse JSON: the file ends in the middle",
		`[]`:                          "body:1: parse HCL: expected: a word | a string | \"=\" | \"{\" got: \"[\"",
		`{"Name": "s", "Script": "x", "TTL": "1s"}`: `body:1: script: is not supported; write args = ["/bin/sh", "-c", "..."]`,
		`{"TTL": "1s"}`: `body:1: a check needs a name; write name = "..."`,
		`{"Name": "t", "TTL": "1s", "TCP": "x:1", "Interval": "1s"}`: "body:1: 2 kinds at once (tcp, ttl); a check has one",
		`{"Name": "t", "HTTP": "x", "interval": "-"}`:                `body:1: interval: "-" is not a duration; durations look like "10s", "5m" or "72h"`,
	} {
		if _, err := ParseCheck("body", []byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func TestParseDefinition(t *testing.T) {
	for _, c := range []struct {
		src  string
		want string // services / checks
	}{
		{`service { name = "a" port = 80 check { ttl = "1s" } }`, "a[service:a] /"},
		{`services = [{ name = "a" }, { name = "b" }] check { name = "c" ttl = "1s" }`, "a[] b[] / c"},
		{`{"service": {"name": "a"}}`, "a[] /"},
		{`{"Name": "a", "Port": 80, "Check": {"TTL": "1s"}}`, "a[service:a] /"},
		{`name = "a" checks = [{ ttl = "1s" }, { ttl = "2s" }]`, "a[service:a:1,service:a:2] /"},
		{`{"Name": "c", "HTTP": "http://x", "Interval": "1s"}`, "/ c"},
		{`{"checks": [{"id": "c", "ttl": "1s"}]}`, "/ c"},
	} {
		services, list, err := ParseDefinition("f.hcl", []byte(c.src))
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var words []string
		for _, s := range services {
			var ids []string
			for _, check := range s.Checks {
				ids = append(ids, check.ID)
			}
			words = append(words, s.ID+"["+strings.Join(ids, ",")+"]")
		}
		words = append(words, "/")
		for _, check := range list {
			words = append(words, check.ID)
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.src, got, c.want)
		}
	}
	for src, want := range map[string]string{
		``:                           `f.hcl: no service and no check; write service { name = "..." }`,
		`datacenter = "a"`:           "f.hcl:1: datacenter: unknown key; it belongs in the agent's configuration",
		`service { nam = "a" }`:      "f.hcl:1: service.nam: unknown key; did you mean name?",
		`services = []`:              `f.hcl: no service and no check; write service { name = "..." }`,
		`service { name = "a" `:      `f.hcl:1: parse HCL: object expected closing "}" got: the end of the file`,
		`name = "a" port = "eighty"`: "f.hcl:1: port: want a number, got a string",
	} {
		_, _, err := ParseDefinition("f.hcl", []byte(src))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"node_name", "node_meta", "datacenter", "data_dir", "rack", "tags", "domain", "recursors"}
	for typo, want := range map[string]string{
		"nodename": "node_name", "NodeName": "node_name", "node-name": "node_name", "node_nmae": "node_name",
		"data-center": "datacenter", "datadir": "data_dir", "recusor": "recursors", "tag": "tags", "rak": "rack",
		"port": "", "x": "", "": "", "something_else": "", strings.Repeat("node_name", 10): "",
	} {
		if got := nearest(typo, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typo, got, want)
		}
	}
}

// No two keys of a table answer to one name, or the second could never be set.
func TestKeysAreDistinct(t *testing.T) {
	var walk func(path string, keys []Key)
	walk = func(path string, keys []Key) {
		var seen []string
		for _, k := range keys {
			for _, name := range append([]string{k.Name}, k.aliases...) {
				if slices.Contains(seen, fold(name)) {
					t.Errorf("%s%s is there twice", path, name)
				}
				seen = append(seen, fold(name))
			}
			if k.Use == Used && (k.Doc == "" || k.Kind == "") {
				t.Errorf("%s%s has no documentation", path, k.Name)
			}
			walk(path+k.Name+".", k.Keys)
		}
	}
	walk("", Keys())
}
