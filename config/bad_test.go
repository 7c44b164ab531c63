package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*/*.want anew")

// Every rule has a configuration that breaks it in testdata/bad, and beside it
// exactly what a person is told.
func TestBad(t *testing.T) {
	t.Chdir("testdata/bad")
	for _, name := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(Source{Paths: []string{name}})
			if err == nil {
				t.Fatal("no error")
			}
			compare(t, name+".want", err.Error()+"\n")
		})
	}
}

// Configurations that load with a warning, and the warning.
func TestWarnings(t *testing.T) {
	t.Chdir("testdata/warn")
	for _, name := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := Load(Source{Paths: []string{name}})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name+".want", warnings.Error()+"\n")
		})
	}
}

func inputs(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range all {
		if !strings.HasSuffix(name, ".want") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("no test data")
	}
	return names
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
