package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const exampleFile = "../deploy/yodel.hcl"

// The example that is installed loads as it is.
func TestExampleLoads(t *testing.T) {
	_, warnings, err := Load(Source{Paths: []string{exampleFile}, Flags: []Flag{{"--node", "node_name", "n"}}})
	if err != nil || len(warnings) > 0 {
		t.Errorf("%v %v", err, warnings)
	}
}

// Uncommented, it has no unknown key and no wrong value, and every key there is.
func TestExampleIsComplete(t *testing.T) {
	body, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := uncomment(string(body))
	text = strings.Replace(text, "/etc/yodel/http.token", token, 1)
	v, err := parse("yodel.hcl", []byte(text), false)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r, c := newReader(), Default()
	readBlock(r, &v, topKeys(), false, &c)
	r.unique(c)
	if len(r.problems) > 0 {
		t.Error(r.problems)
	}
	if len(r.ignored)+len(r.later) > 0 {
		t.Error(r.summaries())
	}
	shown := make(map[string]bool)
	for path := range r.where {
		shown[canonical(path)] = true
	}
	for _, path := range usedPaths("", Keys()) {
		if !shown[path] {
			t.Errorf("%s does not show %s", exampleFile, path)
		}
	}
}

// uncomment turns the commented settings on and leaves the prose.
func uncomment(text string) string {
	lines := strings.Split(text, "\n")
	inside := false // a block that is commented out
	for i, line := range lines {
		switch {
		case regexp.MustCompile(`^#[a-z_]`).MatchString(line), inside && strings.HasPrefix(line, "#"):
			inside = inside || strings.HasSuffix(line, "{")
			if line == "#}" {
				inside = false
			}
			lines[i] = line[1:]
		case line == "":
			inside = false
		}
	}
	return strings.Join(lines, "\n")
}

// canonical is one name for keys that mean the same.
func canonical(path string) string {
	path = strings.NewReplacer("services", "service", "checks", "check", "start_join", "retry_join").Replace(path)
	if inner, ok := strings.CutPrefix(path, "service.check."); ok {
		return "check." + inner
	}
	return path
}

func usedPaths(prefix string, keys []Key) []string {
	var all []string
	for _, k := range keys {
		if k.Use != Used {
			continue
		}
		path := canonical(prefix + k.Name)
		all = append(all, path)
		if strings.HasSuffix(path, "tagged_addresses") {
			path += ".lan"
		}
		all = append(all, usedPaths(path+".", k.Keys)...)
	}
	return all
}

// What it marks as live is what a reload applies.
func TestExampleMarksLiveKeys(t *testing.T) {
	body, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	live := false // a section about definitions is live as a whole
	comment := ""
	for line := range strings.SplitSeq(string(body), "\n") {
		m := regexp.MustCompile(`^#?([a-z_]+)( =| \{)`).FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "# ----"):
			live, comment = strings.Contains(line, "(live)"), ""
		case m != nil:
			k := find(topKeys(), m[1], false)
			if k == nil {
				t.Errorf("no key %s", m[1])
			} else if marked := live || strings.Contains(comment, "(live)"); k.Live != marked {
				t.Errorf("%s: marked live %v, is %v", m[1], marked, k.Live)
			}
		case strings.HasPrefix(line, "# "):
			comment += line
		case line == "":
			comment = ""
		}
	}
}
