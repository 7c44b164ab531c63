package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard refuses what a browser was tricked into sending and what lacks the
// token, and bounds the body.
func (s *server) guard(next http.Handler) http.Handler {
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !s.hostAllowed(r) {
			text(w, http.StatusForbidden, "the Host header "+clip(r.Host)+" is no name of this host: ask for localhost, 127.0.0.1 or its own name")
			return
		}
		if !free(r.URL.Path) && !s.tokenAllowed(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="yodel"`)
			text(w, http.StatusUnauthorized, "a token is needed here: send it as Authorization: Bearer TOKEN or X-Consul-Token; for the yodel command set YODEL_HTTP_TOKEN")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
		next.ServeHTTP(w, r)
	})
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusForbidden, "requests from web pages of other origins are refused")
	}))
	return origin.Handler(guarded)
}

// free are the paths without a token: what a load balancer or a service
// manager asks, and nothing about the mesh.
func free(path string) bool { return path == "/healthz" || path == "/readyz" }

// hostAllowed is the defence against DNS rebinding: a web page whose name was
// made to point at 127.0.0.1 sends its own name. Beyond loopback the token
// does it.
func (s *server) hostAllowed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || slices.ContainsFunc(s.config.Names, func(name string) bool {
		return strings.EqualFold(strings.TrimSuffix(name, "."), host)
	})
}

// tokenAllowed compares hashes, so that neither content nor length of the
// token shows in the time that it takes.
func (s *server) tokenAllowed(r *http.Request) bool {
	if s.config.Token == "" {
		return true
	}
	given := r.Header.Get("X-Consul-Token")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(token)
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.config.Token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// clip makes foreign text fit for a message.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, s)
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}
