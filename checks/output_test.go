package checks

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTail(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		size := 1 + rnd.IntN(20)
		tl := newTail(size)
		var all []byte
		for range rnd.IntN(6) {
			p := bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, rnd.IntN(30))
			for i := range p {
				p[i] += byte(i % 3)
			}
			if n, err := tl.Write(p); n != len(p) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
			all = append(all, p...)
		}
		want := string(all)
		if len(all) > size {
			want = fmt.Sprintf("Captured %d of %d bytes\n...\n%s", size, len(all), all[len(all)-size:])
		}
		if got := tl.String(); got != want {
			t.Fatalf("size %d, wrote %q: got %q, want %q", size, all, got, want)
		}
		if cap(tl.ring) > 2*size+16 {
			t.Fatalf("ring of %d for a size of %d", cap(tl.ring), size)
		}
	}
}

func TestOutputIsTextAndBounded(t *testing.T) {
	tl := newTail(5)
	tl.Write([]byte("1\xff2\xfe345é")) // é is cut by nothing, but the rest is not UTF-8
	for _, s := range []string{tl.String(), head(strings.Repeat("é", 10), 5)} {
		if !utf8.ValidString(s) {
			t.Errorf("%q is not UTF-8", s)
		}
	}
	if got, want := head("abcdef", 3), "abc ... (captured 3 of 6 bytes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := head("abc", 3); got != "abc" {
		t.Errorf("got %q", got)
	}
}
