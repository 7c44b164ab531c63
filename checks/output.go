package checks

import (
	"fmt"
	"strings"
	"sync"
)

// A tail keeps the last bytes written to it: the end of a script's output is
// what says why it failed. Memory never passes its size.
type tail struct {
	mu    sync.Mutex // a program that keeps writing while its output is read
	ring  []byte
	size  int
	total int64
}

func newTail(size int) *tail { return &tail{size: size} }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(p) > 0 {
		if len(t.ring) < t.size { // still filling: grows only as far as needed
			k := min(len(p), t.size-len(t.ring))
			t.ring = append(t.ring, p[:k]...)
			t.total, p = t.total+int64(k), p[k:]
			continue
		}
		k := copy(t.ring[t.total%int64(t.size):], p)
		t.total, p = t.total+int64(k), p[k:]
	}
	return n, nil
}

// String is what was kept, after a line that says how much was not.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total <= int64(t.size) {
		return clean(string(t.ring))
	}
	at := t.total % int64(t.size)
	return fmt.Sprintf("Captured %d of %d bytes\n...\n%s", t.size, t.total, clean(string(t.ring[at:])+string(t.ring[:at])))
}

// head is the first bytes of a text, at most limit of them.
func head(s string, limit int) string {
	if len(s) > limit {
		s = fmt.Sprintf("%s ... (captured %d of %d bytes)", s[:limit], limit, len(s))
	}
	return clean(s)
}

// clean makes foreign bytes, and a character that was cut in two, valid UTF-8:
// output travels in JSON. It never gets longer.
func clean(s string) string { return strings.ToValidUTF8(s, "?") }
