package node

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/peer"
	"github.com/yodel-mesh/yodel/store"
)

func openTestDisk(t *testing.T, dir string) *disk {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, "store"), store.Config{Floor: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{dir: dir, log: slog.New(slog.DiscardHandler)}
	d.store.Store(s)
	t.Cleanup(func() { s.Close() })
	return d
}

// The largest origin that the catalog takes is kept, in several values, and
// goes as a whole.
func TestTheLargestOriginIsKept(t *testing.T) {
	dir := t.TempDir()
	d := openTestDisk(t, dir)
	small, large := catalog.Delta{Origin: catalog.Origin{1}}, catalog.Delta{Origin: catalog.Origin{2}, Status: catalog.Alive}
	for size := 0; ; large.To++ {
		e := catalog.Entry{Number: large.To + 1, Key: fmt.Sprintf("x/%d", large.To), Value: make([]byte, catalog.ValueMax)}
		if size += len(e.Key) + len(e.Value); size > catalog.SizeMax {
			break
		}
		large.Entries = append(large.Entries, e)
	}
	now := time.Now()
	if err := d.keepCatalog([]catalog.Delta{small, large}, nil, now); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	d = openTestDisk(t, dir)
	c, values := catalog.New(catalog.Origin{9}, time.Hour), 0
	restore := func(_ string, k keptDelta) {
		values++
		if _, err := c.Restore(k.Delta, now); err != nil {
			t.Error(err)
		}
	}
	each(d, bucketCatalog, catalog.Decode, restore)
	if got := c.Since(large.Origin, 0); len(got.Entries) != len(large.Entries) || got.To != large.To || values < 9 {
		t.Errorf("%d of %d entries, up to %d of %d, from %d values", len(got.Entries), len(large.Entries), got.To, large.To, values)
	}
	if err := d.keepCatalog(nil, []catalog.Origin{large.Origin}, now); err != nil {
		t.Fatal(err)
	}
	values = 0
	each(d, bucketCatalog, catalog.Decode, restore)
	if values != 1 {
		t.Errorf("%d values are left of one small origin", values)
	}
}

// The largest origin fits a frame, whatever goes before it.
func TestFramesFitThePeerPort(t *testing.T) {
	large := catalog.Delta{Origin: catalog.Origin{2}, From: 1 << 62, To: 1<<62 + catalog.EntriesMax}
	for i := range uint64(catalog.EntriesMax) {
		e := catalog.Entry{Number: large.From + i + 1, Key: fmt.Sprintf("%04d", i), Value: make([]byte, catalog.SizeMax/catalog.EntriesMax-4)}
		large.Entries = append(large.Entries, e)
	}
	small := catalog.Delta{Origin: catalog.Origin{1}, To: 4, Entries: []catalog.Entry{{Number: 4, Key: "k", Value: make([]byte, frameTarget-1000)}}}
	frames, rest := 0, []catalog.Delta{small, large, small}
	for len(rest) > 0 {
		frame, left, err := nextFrame(rest)
		if err != nil || len(frame) > peer.FrameMax {
			t.Fatalf("a frame of %d bytes, limit %d; %v", len(frame), peer.FrameMax, err)
		}
		frames, rest = frames+1, left
	}
	if frames != 3 {
		t.Errorf("%d frames, want 3", frames)
	}
}
