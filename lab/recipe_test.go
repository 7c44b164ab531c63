//go:build linux

package lab

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// upstreamAddress is the resolver that the lab has besides yodel, in place of
// the recipes' 192.0.2.53.
const upstreamAddress = "10.77.0.53"

// recipe is the fenced block of docs/resolvers.md that says what to write into
// a file, under the heading that contains section.
func recipe(t *testing.T, section, file string) string {
	t.Helper()
	b, err := os.ReadFile("../docs/resolvers.md")
	ok(t, err)
	for _, part := range strings.Split(string(b), "\n## ") {
		heading, text, _ := strings.Cut(part, "\n")
		if !strings.Contains(heading, section) {
			continue
		}
		block := regexp.MustCompile("(?s)```\\w+ file=" + regexp.QuoteMeta(file) + "\n(.*?)```").FindStringSubmatch(text)
		if block != nil {
			return strings.ReplaceAll(block[1], "192.0.2.53", upstreamAddress)
		}
	}
	t.Fatalf("docs/resolvers.md has no file %s under a heading with %q", file, section)
	return ""
}
