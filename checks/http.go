package checks

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// httpProbe asks a URL. 2xx passes, 429 (Too Many Requests, RFC 6585) warns,
// everything else is critical. The status line decides: a body that stalls
// after a 200 still passes, as with Consul.
func httpProbe(d Definition) Probe {
	client := &http.Client{Transport: &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        tlsConfig(d, ""), // an empty name becomes the host of the URL
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,     // a look that reuses a connection does not see whether one can be made
		MaxResponseHeaderBytes: 64 << 10, // plenty for a health page, and a bound
	}}
	if d.DisableRedirects {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	shown := d.HTTP
	if u, err := url.Parse(d.HTTP); err == nil {
		shown = u.Redacted() // output goes to every host; a password must not
	}
	method := d.Method
	if method == "" {
		method = http.MethodGet
	}
	return func(ctx context.Context) (Status, string) {
		req, err := http.NewRequestWithContext(ctx, method, d.HTTP, strings.NewReader(d.Body))
		if err != nil {
			return Critical, err.Error()
		}
		setHeader(req, d.Header)
		resp, err := client.Do(req)
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		defer resp.Body.Close()
		// The error is the body's, and the body is only for people.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, int64(d.OutputMaxSize)))
		return httpStatus(resp.StatusCode), fmt.Sprintf("HTTP %s %s: %s Output: %s", method, shown, clean(resp.Status), clean(string(body)))
	}
}

func httpStatus(code int) Status {
	switch {
	case code >= 200 && code <= 299:
		return Passing
	case code == http.StatusTooManyRequests:
		return Warning
	}
	return Critical
}

func setHeader(req *http.Request, header map[string][]string) {
	for name, values := range header {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "text/plain, text/*, */*")
	}
}
