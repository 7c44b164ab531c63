package api

import (
	"os"
	"strings"
	"testing"
)

// docs/filters.md names every field, and its examples work.
func TestFiltersAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	named := func(name string, aliases []string) {
		for _, n := range append(aliases, name) {
			if !strings.Contains(text, "`"+n) {
				t.Errorf("docs/filters.md does not name %s", n)
			}
		}
	}
	for _, f := range nodeFields() {
		named(f.name, f.aliases)
	}
	for _, f := range serviceFields() {
		named(f.name, f.aliases)
	}
	for _, f := range checkFields() {
		named(f.name, f.aliases)
	}
	examples := 0
	for line := range strings.Lines(text) {
		command, expr, ok := strings.Cut(strings.TrimSpace(line), " --filter '")
		if !ok || !strings.HasPrefix(line, "    yodel") {
			continue
		}
		expr = strings.TrimSuffix(expr, "'")
		switch command {
		case "yodel nodes":
			_, err = NodeFilter(expr)
		case "yodel services":
			_, err = serviceFilter(expr)
		case "yodel checks":
			_, err = checkFilter(expr)
		}
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		examples++
	}
	if examples < 6 {
		t.Errorf("%d examples were tried", examples)
	}
}
