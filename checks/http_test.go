package checks

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func webCheck(url string) Definition {
	return Definition{ID: "h", HTTP: url, Interval: time.Second}.settled()
}

func TestHTTPStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscanf(r.URL.Path, "/%d", &code)
		if code/100 == 3 {
			w.Header().Set("Location", "/200")
		}
		w.WriteHeader(code)
		if code != 204 {
			fmt.Fprint(w, "body")
		}
	}))
	defer s.Close()
	for _, tt := range []struct {
		path   string
		stay   bool
		status Status
		output string
	}{
		{"/200", false, Passing, "200 OK Output: body"},
		{"/204", false, Passing, "204 No Content Output: "},
		{"/299", false, Passing, "299 status code 299 Output: body"},
		{"/429", false, Warning, "429 Too Many Requests Output: body"},
		{"/404", false, Critical, "404 Not Found Output: body"},
		{"/500", false, Critical, "500 Internal Server Error Output: body"},
		{"/302", false, Passing, "200 OK Output: body"},
		{"/302", true, Critical, "302 Found Output: body"},
	} {
		d := webCheck(s.URL + tt.path)
		d.DisableRedirects = tt.stay
		status, output := look(t, httpProbe(d), 5*time.Second)
		if want := "HTTP GET " + s.URL + tt.path + ": " + tt.output; status != tt.status || output != want {
			t.Errorf("%s: got %s %q, want %s %q", tt.path, status, output, tt.status, want)
		}
	}
}

func TestHTTPRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	d := webCheck(s.URL + "/x?y=z")
	d.Method, d.Body = "PUT", `{"a":1}`
	d.Header = map[string][]string{"X-A": {"1", "2"}, "host": {"other.example"}, "x-b": {"3"}}
	if status, output := look(t, httpProbe(d), 5*time.Second); status != Passing {
		t.Fatal(output)
	}
	if got.Method != "PUT" || string(body) != `{"a":1}` || got.Host != "other.example" || got.URL.RawQuery != "y=z" {
		t.Errorf("got %s %s on %s with %q", got.Method, got.URL, got.Host, body)
	}
	if strings.Join(got.Header["X-A"], ",") != "1,2" || got.Header.Get("X-B") != "3" {
		t.Errorf("header: %v", got.Header)
	}
	if got.UserAgent() != userAgent || got.Header.Get("Accept") != "text/plain, text/*, */*" {
		t.Errorf("defaults: %v", got.Header)
	}
	d.HTTP = strings.Replace(s.URL, "//", "//me:secret@", 1)
	if _, output := look(t, httpProbe(d), 5*time.Second); strings.Contains(output, "secret") || got.Header.Get("Authorization") == "" {
		t.Errorf("password: sent %q, printed %q", got.Header.Get("Authorization"), output)
	}
	d.Header = map[string][]string{"User-Agent": {"mine"}}
	look(t, httpProbe(d), 5*time.Second)
	if got.UserAgent() != "mine" {
		t.Errorf("user agent: %q", got.UserAgent())
	}
}

func TestHTTPTLS(t *testing.T) {
	var asked string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		asked = h.ServerName
		return nil, nil
	}}
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	d := webCheck(s.URL)
	if status, output := look(t, httpProbe(d), 5*time.Second); status != Critical || !strings.Contains(output, "certificate") {
		t.Errorf("an unknown authority: got %s %q", status, output)
	}
	d.TLSSkipVerify, d.TLSServerName = true, "web.example"
	if status, output := look(t, httpProbe(d), 5*time.Second); status != Passing || asked != "web.example" {
		t.Errorf("unverified: got %s %q, server name %q", status, output, asked)
	}
}

func TestHTTPBodyIsBounded(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for { // without end
			if _, err := w.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	status, output := look(t, httpProbe(webCheck(s.URL)), 5*time.Second)
	if n := strings.Count(output, "x"); status != Passing || n != 4096 {
		t.Errorf("got %s with %d bytes of the body", status, n)
	}
}

func TestHTTPNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nil)
	s.Close()
	if status, output := look(t, httpProbe(webCheck(s.URL)), 5*time.Second); status != Critical || !strings.Contains(output, "connection refused") {
		t.Errorf("got %s %q", status, output)
	}
	begin := time.Now()
	status, output := look(t, httpProbe(webCheck("http://"+silent(t))), 200*time.Millisecond)
	if status != Critical || !strings.Contains(output, "deadline exceeded") || time.Since(begin) > 20*time.Second {
		t.Errorf("a silent server: got %s %q after %s", status, output, time.Since(begin))
	}
}
