package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fillCatalog is what a mesh of 300 hosts keeps: 4.5 MB.
func fillCatalog(s *Store) error {
	random := rand.NewChaCha8([32]byte{1})
	for i := range 300 {
		value := make([]byte, 15_000)
		random.Read(value)
		if err := s.Put("catalog", fmt.Sprintf("%026d", i), value); err != nil {
			return err
		}
	}
	return s.Sync()
}

// idle opens a store, reads it, takes a write per 100 ms, and says what memory
// the process has before and after, in kB.
func idle(dir string) error {
	bare := memory()
	s, err := Open(dir, Config{})
	if err != nil {
		return err
	}
	if err := s.Each("catalog", "", func(string, []byte) error { return nil }); err != nil {
		return err
	}
	for i := range 50 {
		if err := s.Put("catalog", fmt.Sprintf("%026d", i), make([]byte, 15_000)); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	now := memory()
	fmt.Println(bare["VmRSS"], bare["RssAnon"], now["VmRSS"], now["RssAnon"], now["VmHWM"])
	return s.Close()
}

func memory() map[string]int {
	text, _ := os.ReadFile("/proc/self/status")
	m := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		var key string
		var kb int
		if n, _ := fmt.Sscanf(line, "%s %d kB", &key, &kb); n == 2 {
			m[strings.TrimSuffix(key, ":")] = kb
		}
	}
	return m
}

// What an open store adds to a process, in kB: RSS with the files that it maps,
// and without.
func BenchmarkFootprint(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	s := mustOpen(b, dir, Config{})
	if err := fillCatalog(s); err != nil {
		b.Fatal(err)
	}
	mustClose(b, s)
	for b.Loop() {
		cmd := child(b, "idle", dir)
		cmd.Env = append(cmd.Env, "GOGC=50")
		output, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %s", err, output)
		}
		var bareRSS, bareAnon, rss, anon, peak int
		if _, err := fmt.Sscan(string(output), &bareRSS, &bareAnon, &rss, &anon, &peak); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(rss-bareRSS), "rss-kB")
		b.ReportMetric(float64(anon-bareAnon), "anon-kB")
		b.ReportMetric(float64(peak-bareRSS), "peak-kB")
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	s := mustOpen(b, dir, Config{})
	if err := fillCatalog(s); err != nil {
		b.Fatal(err)
	}
	mustClose(b, s)
	for b.Loop() {
		mustClose(b, mustOpen(b, dir, Config{}))
	}
}

func BenchmarkPutAndSync(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Config{})
	value := make([]byte, 1000)
	for b.Loop() {
		if err := s.Put("b", "k", value); err != nil {
			b.Fatal(err)
		}
		mustSync(b, s)
	}
}

func BenchmarkReadCatalog(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Config{})
	if err := fillCatalog(s); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Each("catalog", "", func(string, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
