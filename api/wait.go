package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Consul's: what a blocking query waits when it does not say, and at most.
const (
	waitDefault = 5 * time.Minute
	waitMax     = 10 * time.Minute
)

// wait holds a request with ?index= until the view is newer, and says in the
// headers how new the answer is. A later view is no promise that the answer
// differs.
func (s *server) wait(w http.ResponseWriter, r *http.Request) error {
	index, most, err := waitParameters(r)
	if err != nil {
		return err
	}
	if index > 0 && s.backend.View().Index <= index {
		select {
		case s.waiters <- struct{}{}:
		default:
			return &Error{http.StatusTooManyRequests, "more than " + strconv.Itoa(waitersMax) + " blocking queries are waiting here already: ask without index"}
		}
		defer func() { <-s.waiters }()
		most += rand.N(most/16 + 1) // so that clients that began together do not return together
		// A recorder has no deadline to move; a real connection always has.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(most + writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), most)
		defer cancel()
		s.backend.Wait(ctx, index)
	}
	h := w.Header()
	h.Set("X-Consul-Index", strconv.FormatUint(max(1, s.backend.View().Index), 10))
	h.Set("X-Consul-KnownLeader", "true") // nobody leads, and everybody answers
	h.Set("X-Consul-LastContact", "0")
	return nil
}

func waitParameters(r *http.Request) (index uint64, most time.Duration, err error) {
	q := r.URL.Query()
	if text := q.Get("index"); text != "" {
		if index, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, Invalid("index=%.40q: want the number of an X-Consul-Index header", text)
		}
	}
	most = waitDefault
	if text := q.Get("wait"); text != "" {
		if most, err = time.ParseDuration(text); err != nil || most < 0 {
			return 0, 0, Invalid("wait=%.40q: want a duration such as 30s or 5m", text)
		}
	}
	if most == 0 {
		most = waitDefault
	}
	return index, min(most, waitMax), nil
}
