package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	bodyMax       = 1 << 20          // a definition has 4 KiB, a directory of them 100
	headerMax     = 32 << 10         // a filter of filterMax, escaped, and room
	headerTimeout = 10 * time.Second // a client that takes longer is no client
	readTimeout   = 30 * time.Second // of a body of 1 MiB over a bad line
	writeTimeout  = time.Minute      // of 1,000 nodes, 4 MB, over a bad line; a blocking query adds its wait
	idleTimeout   = 2 * time.Minute  // above the 90 s of Go's clients, so that they close first
	waitersMax    = 1024             // blocking queries at the same time, 8 KiB each
)

// Config is what the interface is told. The zero value serves without a token.
type Config struct {
	Logger *slog.Logger
	Token  string   // empty: none is asked for
	Names  []string // of this host: what a Host header may say beside localhost
}

type server struct {
	backend Backend
	config  Config
	mux     *http.ServeMux
	waiters chan struct{}
}

// New is the handler of the whole HTTP interface.
func New(b Backend, c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &server{backend: b, config: c, mux: http.NewServeMux(), waiters: make(chan struct{}, waitersMax)}
	s.routeMesh()
	s.routeAgent()
	s.routeOperator()
	s.routeProcess()
	s.mux.HandleFunc("/", s.unknown)
	return s.guard(s.mux)
}

// NewServer is an HTTP server around a handler, with the limits of this
// package. The caller gives it a listener, and closes it.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerMax, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// handle serves a path with a function that answers a value or an error.
func (s *server) handle(pattern string, f func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		switch {
		case err != nil:
			s.fail(w, r, err)
		case v == nil: // done, and nothing to say: Consul answers with an empty body
			w.WriteHeader(http.StatusOK)
		default:
			s.answer(w, r, v)
		}
	})
}

func (s *server) routeProcess() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := s.backend.Ready(); len(reasons) > 0 {
			text(w, http.StatusServiceUnavailable, strings.Join(reasons, "\n"))
			return
		}
		text(w, http.StatusOK, "ready")
	})
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) { s.backend.Metrics().ServeHTTP(w, r) })
}

// unknown answers for every path that nothing else serves.
func (s *server) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" && method != r.Method {
			allowed = append(allowed, method)
		}
	}
	switch {
	case len(allowed) > 0:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		text(w, http.StatusMethodNotAllowed, clip(r.URL.Path)+" takes "+strings.Join(allowed, ", ")+", not "+clip(r.Method))
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		text(w, http.StatusNotFound, "yodel serves no path "+clip(r.URL.Path)+": see /v1/mesh/nodes, /v1/mesh/services, /v1/mesh/checks, /v1/agent/self")
	default:
		text(w, http.StatusNotFound, "nothing is at "+clip(r.URL.Path)+": the interface is under /v1/, with /healthz, /readyz and /metrics beside it")
	}
}

// body reads a request's body, up to bodyMax.
func body(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, &Error{http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB, the limit"}
	}
	if err != nil {
		return nil, Invalid("read body: %v", err)
	}
	return b, nil
}

// flag reads a parameter that is there or not, or says true or false.
func flag(r *http.Request, name string) (bool, error) {
	values, ok := r.URL.Query()[name]
	if !ok {
		return false, nil
	}
	switch v := values[0]; {
	case slices.Contains([]string{"", "1", "true", "TRUE", "True", "t"}, v):
		return true, nil
	case slices.Contains([]string{"0", "false", "FALSE", "False", "f"}, v):
		return false, nil
	default:
		return false, Invalid("%s=%.40q: want true or false", name, v)
	}
}
