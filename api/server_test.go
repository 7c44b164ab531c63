package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

func serve(t testing.TB, f *fleet, c Config) *Client {
	t.Helper()
	s := httptest.NewServer(New(f, c))
	t.Cleanup(s.Close)
	client, err := NewClient(ClientConfig{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// raw asks without the client's help.
func raw(t testing.TB, c *Client, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, c.base.String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestMeshThroughTheClient(t *testing.T) {
	f := newFleet(t)
	f.changes = []catalog.Change{
		{At: time.Now().Add(-48 * time.Hour), Node: "dn1.example.com", What: "disk sdb", Before: "4 TB"},
		{At: time.Now().Add(-time.Hour), Node: "dn2.example.com", What: "rack", Before: "/a", After: "/b"},
	}
	c, ctx := serve(t, f, Config{}), t.Context()
	nodes, err := c.Nodes(ctx, Selection{Filter: `rack == "/dc1/r10" and Facts.Memory.Total > 64000000000`, Tags: []string{"role=datanode"}})
	if err != nil || len(nodes) != 2 || nodes[0].Name != "dn2.example.com" || nodes[0].Facts.Facts().Memory.Total != 96e9 {
		t.Fatalf("nodes: %v, %v", nodes, err)
	}
	for _, name := range []string{"DN2.example.com", "dn2.example.com.", origin(2).String()} {
		if n, err := c.Node(ctx, name); err != nil || n.Name != "dn2.example.com" {
			t.Errorf("node %s: %v, %v", name, n, err)
		}
	}
	services, err := c.Services(ctx, "", Selection{Filter: "Service == namenode"})
	if err != nil || len(services) != 1 || services[0].Address != "10.9.9.9" || services[0].Node != "dn0.example.com" {
		t.Errorf("services: %+v, %v", services, err)
	}
	if one, err := c.Services(ctx, "datanode", Selection{}); err != nil || len(one) != 6 || one[3].Status != catalog.Critical || one[5].Status != catalog.Critical {
		t.Errorf("service datanode: %+v, %v", one, err)
	}
	if all, err := c.Checks(ctx, Selection{Filter: "Status != passing"}); err != nil || len(all) != 1 || all[0].Node != "dn3.example.com" {
		t.Errorf("checks: %+v, %v", all, err)
	}
	if all, err := c.Changes(ctx, "24h", ""); err != nil || len(all) != 1 || all[0].What != "rack" {
		t.Errorf("changes: %+v, %v", all, err)
	}
	if all, err := c.Changes(ctx, "7d", "DN1.example.com"); err != nil || len(all) != 1 {
		t.Errorf("changes of dn1: %+v, %v", all, err)
	}
	members, err := c.Members(ctx)
	if err != nil || len(members) != 6 || members[5].Status != 4 || members[5].Status.String() != "failed" {
		t.Errorf("members: %+v, %v", members, err)
	}
	if self, err := c.Self(ctx); err != nil || self.Config.Datacenter != "dc1" || self.Member.Name != "dn0.example.com" {
		t.Errorf("self: %+v, %v", self, err)
	}
	if all, err := c.Conflicts(ctx); err != nil || all == nil || len(all) != 0 {
		t.Errorf("conflicts: %v, %v", all, err)
	}
}

func TestDeedsThroughTheClient(t *testing.T) {
	f := newFleet(t)
	c, ctx := serve(t, f, Config{}), t.Context()
	for _, do := range []struct {
		f    func() error
		want string
	}{
		{func() error { _, err := c.Register(ctx, "web.hcl", []byte("x")); return err }, "file web.hcl x"},
		{func() error { return c.DeregisterService(ctx, "web/1") }, "no service web/1"},
		{func() error { return c.DeregisterCheck(ctx, "service:web:1") }, "no check service:web:1"},
		{func() error { return c.Maintain(ctx, "", true, "disk & co") }, `maintain "" true "disk & co"`},
		{func() error { return c.Maintain(ctx, "web 1", false, "") }, `maintain "web 1" false ""`},
		{func() error { _, err := c.Join(ctx, "[::1]:8301"); return err }, "join [[::1]:8301]"},
		{func() error { return c.ForceLeave(ctx, "dn5.example.com", true) }, "force-leave dn5.example.com true"},
		{func() error { _, err := c.Reload(ctx); return err }, "reload"},
		{func() error { return c.ChangeKey(ctx, "install", "a2V5") }, "keyring install a2V5"},
		{func() error { return c.ChangeKey(ctx, "use", "a2V5") }, "keyring use a2V5"},
		{func() error { return c.ChangeKey(ctx, "remove", "a2V5") }, "keyring remove a2V5"},
		{func() error { _, err := c.Keyring(ctx); return err }, "keyring list "},
		{func() error { return c.Leave(ctx) }, "leave"},
	} {
		f.did = nil
		if err := do.f(); err != nil || len(f.did) != 1 || f.did[0] != do.want {
			t.Errorf("did %q, %v; want %q", f.did, err, do.want)
		}
	}
}

func TestConsulPaths(t *testing.T) {
	f := newFleet(t)
	c := serve(t, f, Config{})
	for _, tc := range []struct {
		method, path, body string
		code               int
		want               string // in the body, or what was done
	}{
		{"PUT", "/v1/agent/service/register?replace-existing-checks=1", `{"Name":"web"}`, 200, `service {"Name":"web"}`},
		{"PUT", "/v1/agent/check/register", `{"Name":"c"}`, 200, `check {"Name":"c"}`},
		{"PUT", "/v1/agent/check/pass/service:web?note=fine", "", 200, `ttl service:web passing "fine"`},
		{"PUT", "/v1/agent/check/warn/x", "", 200, `ttl x warning ""`},
		{"PUT", "/v1/agent/check/fail/x", "", 200, `ttl x critical ""`},
		{"PUT", "/v1/agent/check/update/x", `{"Status":"warning","Output":"slow"}`, 200, `ttl x warning "slow"`},
		{"PUT", "/v1/agent/check/update/x", `{"Status":"bad"}`, 400, "want passing, warning or critical"},
		{"PUT", "/v1/agent/check/update/x", `{`, 400, "read body"},
		{"PUT", "/v1/agent/maintenance?enable=true&reason=r", "", 200, `maintain "" true "r"`},
		{"PUT", "/v1/agent/maintenance", "", 400, "enable is missing"},
		{"PUT", "/v1/agent/service/maintenance/?enable=true", "", 400, "service id is missing"},
		{"PUT", "/v1/agent/maintenance?enable=maybe", "", 400, "want true or false"},
		{"PUT", "/v1/agent/service/deregister/", "", 400, "id is missing"},
		{"PUT", "/v1/agent/force-leave/dn5.example.com?prune", "", 200, "force-leave dn5.example.com true"},
		{"PUT", "/v1/agent/force-leave/dn1.example.com", "", 409, "is alive: stop it there"},
		{"PUT", "/v1/agent/force-leave/dn6", "", 404, "did you mean"},
		{"PUT", "/v1/operator/keyring", `{}`, 400, `yodel keyring generate`},
		{"GET", "/v1/mesh/node/dn3", "", 404, "no node dn3 here; did you mean dn3.example.com"},
		{"GET", "/v1/mesh/services?service=datanod", "", 404, "did you mean datanode?"},
		{"GET", "/v1/mesh/changes?node=dn9.example.com", "", 404, "no node dn9.example.com"},
		{"GET", "/v1/mesh/changes?since=soon", "", 400, "want a duration"},
		{"GET", "/v1/mesh/nodes?filter=x", "", 400, "filter: "},
		{"GET", "/v1/mesh/nodes?tag=role", "", 400, "key=value"},
		{"GET", "/v1/mesh/nodes?index=x", "", 400, "X-Consul-Index"},
		{"GET", "/v1/mesh/nodes?wait=x&index=1", "", 400, "duration"},
		{"GET", "/v1/kv/x", "", 404, "yodel serves no path /v1/kv/x"},
		{"GET", "/other", "", 404, "under /v1/"},
		{"GET", "/v1/agent/reload", "", 405, "takes PUT, not GET"},
		{"DELETE", "/v1/mesh/nodes", "", 405, "takes GET, not DELETE"},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/metrics", "", 200, "yodel_up 1"},
		{"PUT", "/v1/agent/service/register", strings.Repeat("x", bodyMax+1), 413, "1 MiB"},
	} {
		f.did = nil
		code, got, h := raw(t, c, tc.method, tc.path, tc.body)
		if code != tc.code || !strings.Contains(got+strings.Join(f.did, ""), tc.want) {
			t.Errorf("%s %s: %d %.200q %.200q, want %d %q", tc.method, tc.path, code, got, f.did, tc.code, tc.want)
		}
		if code != 200 && (h.Get("Content-Type") != "text/plain; charset=utf-8" || strings.Count(got, "\n") == 0) {
			t.Errorf("%s %s: an error as %s", tc.method, tc.path, h.Get("Content-Type"))
		}
	}
}

func TestBackendErrorsKeepTheirStatus(t *testing.T) {
	f := newFleet(t)
	c := serve(t, f, Config{})
	for err, want := range map[error]int{errors.New("broken"): 500, NotFound("no"): 404, Invalid("no"): 400, Forbidden("no"): 403} {
		f.fails = err
		var e *Error
		if got := c.DeregisterService(t.Context(), "x"); !errors.As(got, &e) || e.Status != want || e.Text != err.Error() {
			t.Errorf("%v: %v, want status %d", err, got, want)
		}
	}
}

func TestReady(t *testing.T) {
	f := newFleet(t)
	c := serve(t, f, Config{})
	f.reasons = []string{"dn0 does not resolve", "the first join goes on"}
	if code, text, _ := raw(t, c, "GET", "/readyz", ""); code != 503 || text != "dn0 does not resolve\nthe first join goes on\n" {
		t.Errorf("readyz: %d %q", code, text)
	}
	if got, err := c.Ready(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("ready: %q, %v", got, err)
	}
	f.reasons = nil
	if got, err := c.Ready(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("ready: %q, %v", got, err)
	}
}

// No list or map is null, whatever is missing.
func TestNothingIsNull(t *testing.T) {
	f := &fleet{catalog: catalog.New(origin(0), time.Hour), changed: make(chan struct{})}
	c := serve(t, f, Config{})
	null := regexp.MustCompile(`\bnull\b`)
	for _, path := range []string{"nodes", "services", "checks", "conflicts", "changes"} {
		if code, text, _ := raw(t, c, "GET", "/v1/mesh/"+path, ""); code != 200 || text != "[]\n" {
			t.Errorf("%s of an empty mesh: %d %q", path, code, text)
		}
	}
	f.say(t, &catalog.Node{Origin: origin(1), Name: "bare", Services: []*catalog.Service{{ID: "a", Name: "a"}},
		Checks: []*catalog.Check{{ID: "c"}}, Facts: told(catalog.Facts{Interfaces: []catalog.Interface{{Name: "lo"}}})})
	for _, path := range []string{"mesh/nodes", "mesh/node/bare", "mesh/services", "mesh/checks", "agent/self", "agent/members", "operator/keyring"} {
		if code, text, _ := raw(t, c, "GET", "/v1/"+path, ""); code != 200 || null.MatchString(text) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

func TestPrettyAndGzip(t *testing.T) {
	c := serve(t, newFleet(t), Config{})
	if _, text, _ := raw(t, c, "GET", "/v1/mesh/node/dn1.example.com?pretty", ""); !strings.Contains(text, "\n    \"Node\": \"dn1.example.com\"") {
		t.Errorf("pretty: %s", text)
	}
	_, text, h := raw(t, c, "GET", "/v1/mesh/nodes", "", "Accept-Encoding", "br, gzip;q=0.5")
	if h.Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", h)
	}
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var nodes []catalog.Node
	if err := json.NewDecoder(z).Decode(&nodes); err != nil || len(nodes) != 6 {
		t.Errorf("%d nodes, %v", len(nodes), err)
	}
	if _, _, h := raw(t, c, "GET", "/v1/mesh/nodes", "", "Accept-Encoding", "gzip;q=0"); h.Get("Content-Encoding") != "" {
		t.Error("compressed for one who cannot read it")
	}
}

func TestGuard(t *testing.T) {
	c := serve(t, newFleet(t), Config{Token: "s3cret", Names: []string{"dn0.example.com"}})
	for _, tc := range []struct {
		path   string
		header []string
		code   int
	}{
		{"/v1/mesh/nodes", nil, 401},
		{"/v1/mesh/nodes", []string{"Authorization", "Bearer wrong"}, 401},
		{"/v1/mesh/nodes", []string{"Authorization", "Basic s3cret"}, 401},
		{"/v1/mesh/nodes", []string{"Authorization", "bearer s3cret"}, 200},
		{"/v1/mesh/nodes", []string{"X-Consul-Token", "s3cret"}, 200},
		{"/v1/mesh/nodes?token=s3cret", nil, 401}, // it would stay in logs
		{"/metrics", nil, 401},
		{"/healthz", nil, 200},
		{"/readyz", nil, 200},
		{"/healthz", []string{"Host", "evil.example.net"}, 403},
		{"/healthz", []string{"Host", "evil.example.net:8500"}, 403},
		{"/healthz", []string{"Host", "192.0.2.1"}, 403},
		{"/healthz", []string{"Host", "127.1.2.3:8500"}, 200},
		{"/healthz", []string{"Host", "[::1]:8500"}, 200},
		{"/healthz", []string{"Host", "localhost"}, 200},
		{"/healthz", []string{"Host", "DN0.example.com.:8500"}, 200},
	} {
		if code, text, _ := raw(t, c, "GET", tc.path, "", tc.header...); code != tc.code {
			t.Errorf("%s %q: %d %s, want %d", tc.path, tc.header, code, text, tc.code)
		}
	}
	token := []string{"X-Consul-Token", "s3cret"}
	if code, text, _ := raw(t, c, "PUT", "/v1/agent/leave", "", append(token, "Origin", "http://evil.example.net")...); code != 403 {
		t.Errorf("leave from another web page: %d %s", code, text)
	}
	if code, text, _ := raw(t, c, "PUT", "/v1/agent/reload", "", token...); code != 200 {
		t.Errorf("reload: %d %s", code, text)
	}
}

// A blocking query returns when something changes, or when its time is up.
func TestBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		h := New(f, Config{})
		ask := func(q url.Values) (time.Duration, *httptest.ResponseRecorder) {
			w, start := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/mesh/nodes?"+q.Encode(), nil))
			return time.Since(start), w
		}
		took, w := ask(url.Values{})
		index := w.Header().Get("X-Consul-Index")
		if took != 0 || index == "" || index == "0" || w.Header().Get("X-Consul-LastContact") != "0" {
			t.Fatalf("took %v, headers %v", took, w.Header())
		}
		if took, w = ask(url.Values{"index": {index}, "wait": {"16s"}}); w.Code != 200 || took < 16*time.Second || took > 18*time.Second {
			t.Errorf("nothing changed: %d after %v", w.Code, took)
		}
		if took, _ = ask(url.Values{"index": {index}, "wait": {"1000h"}}); took < waitMax || took > waitMax*17/16+time.Second {
			t.Errorf("waited %v, limit %v", took, waitMax)
		}
		go func() {
			time.Sleep(3 * time.Second)
			f.saw(catalog.Member{Origin: origin(4), Name: "dn4.example.com", Status: catalog.Failed, At: time.Now()})
		}()
		took, w = ask(url.Values{"index": {index}})
		if took != 3*time.Second || w.Header().Get("X-Consul-Index") == index || !strings.Contains(w.Body.String(), `"failed"`) {
			t.Errorf("changed after 3s: answered after %v, index %s", took, w.Header().Get("X-Consul-Index"))
		}
		if took, w = ask(url.Values{"index": {"99999"}, "filter": {"x"}}); took != 0 || w.Code != 400 {
			t.Errorf("a bad filter was told after %v, %d", took, w.Code)
		}
		if took, _ = ask(url.Values{"index": {index}}); took != 0 {
			t.Errorf("an old index waited %v", took)
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	f := newFleet(t)
	s := &server{backend: f, waiters: make(chan struct{})}
	err := s.wait(httptest.NewRecorder(), httptest.NewRequest("GET", "/?index=999999", nil))
	if err == nil || status(err) != 429 {
		t.Errorf("got %v, want 429", err)
	}
}

// A query that blocks longer than the server's time to write is still answered.
func TestBlockingOutlastsTheWriteTimeout(t *testing.T) {
	f := newFleet(t)
	s := httptest.NewUnstartedServer(New(f, Config{}))
	s.Config.WriteTimeout = 50 * time.Millisecond
	s.Start()
	defer s.Close()
	resp, err := http.Get(s.URL + "/v1/mesh/nodes?wait=300ms&index=9999")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestClientHints(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	secret := serve(t, newFleet(t), Config{Token: "t"})
	tlsServer := httptest.NewTLSServer(New(newFleet(t), Config{}))
	defer tlsServer.Close()
	for _, tc := range []struct{ address, want string }{
		{closed, "no agent at " + closed + " (connection refused); is it running? try: systemctl status yodel, or yodel agent --dev"},
		{"host.invalid:1", "is the name right?"},
		{secret.Address(), "YODEL_HTTP_TOKEN"},
		{"https://" + secret.Address(), "speaks plain HTTP"},
		{"http://" + tlsServer.Listener.Addr().String(), "speaks HTTPS: write --http-addr https://"},
		{tlsServer.URL, "YODEL_CACERT"},
	} {
		c, err := NewClient(ClientConfig{Address: tc.address})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Nodes(t.Context(), Selection{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.address, err, tc.want)
		}
	}
	for _, bad := range []string{"unix:///x", "http://", "a b://"} {
		if _, err := NewClient(ClientConfig{Address: bad}); err == nil {
			t.Errorf("%q is no address", bad)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _ := NewClient(ClientConfig{Address: closed})
	if _, err := c.Nodes(ctx, Selection{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkFilter(b *testing.B) {
	f, err := NodeFilter(`rack == "/dc1/r11" and Facts.Memory.Total > 64000000000 and "datanode" in Services`)
	if err != nil {
		b.Fatal(err)
	}
	n := host(3)
	for b.Loop() {
		f.Match(n)
	}
}
