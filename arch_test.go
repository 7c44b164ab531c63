package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/yodel-mesh/yodel"

// mayImport says which of our packages a package may import. Leaves import
// none; catalog, checks and jobs lend their types to those who read and write
// them for people; node joins.
var mayImport = map[string][]string{
	".":         {"cli"},
	"catalog":   {},
	"gossip":    {},
	"peer":      {},
	"store":     {},
	"checks":    {},
	"dnsd":      {},
	"jobs":      {},
	"sim":       {},
	"facts":     {"catalog"},
	"config":    {"catalog", "checks", "jobs"},
	"api":       {"catalog", "checks", "config", "jobs"},
	"node":      {"api", "catalog", "checks", "config", "dnsd", "facts", "gossip", "jobs", "peer", "store"},
	"sim/model": {},
	"sim/world": {"catalog", "checks", "config", "gossip", "node", "sim"},                                     // not sim itself: node's tests stand on it
	"cli":       {"api", "catalog", "checks", "config", "facts", "jobs", "node", "sim", "sim/world", "store"}, // sim: for the command of that name
	"demo":      {"api", "catalog"},
	"lab":       {"api", "catalog", "dnsd"},
	"deploy":    {},
}

// homes are the packages that may import a library, and nobody else.
var homes = map[string][]string{
	"github.com/hashicorp/serf":           {"gossip"},
	"github.com/hashicorp/memberlist":     {"gossip", "sim"}, // sim: the Transport type
	"github.com/hashicorp/go-msgpack":     {"gossip"},
	"github.com/dgraph-io/badger":         {"store"},
	"github.com/miekg/dns":                {"dnsd", "bench", "lab"},
	"github.com/hashicorp/hcl":            {"config"},
	"github.com/hashicorp/go-sockaddr":    {"config"},
	"github.com/shirou/gopsutil":          {"facts"},
	"github.com/jaypipes/ghw":             {"facts"},
	"github.com/hashicorp/go-bexpr":       {"api"},
	"github.com/fxamacker/cbor":           {"catalog", "jobs"}, // jobs: the form that is signed is its own
	"golang.org/x/crypto":                 {"jobs"},
	"github.com/hiddeco/sshsig":           {"jobs"},
	"github.com/prometheus/client_golang": {"node"},
	"github.com/spf13/cobra":              {"cli"},
	"google.golang.org/protobuf":          {"checks"},
	"github.com/coreos/go-systemd":        {"checks", "cli"},
}

// functionMax and fileMax keep the code readable without turning a page.
const (
	functionMax = 70
	fileMax     = 500
)

type source struct {
	path string
	dir  string
	file *ast.File
	set  *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path, packageOf(path), f, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d files found", len(all))
	}
	return all
}

// packageOf is the entry of mayImport that a file or an import path falls under:
// the longest that has one, else its first part.
func packageOf(path string) string {
	for p := filepath.ToSlash(filepath.Dir(path)); p != "."; p = filepath.ToSlash(filepath.Dir(p)) {
		if _, known := mayImport[p]; known {
			return p
		}
	}
	return strings.Split(filepath.ToSlash(filepath.Dir(path)), "/")[0]
}

func TestImportDirections(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := mayImport[s.dir]
		if !known && s.dir != "bench" {
			t.Errorf("%s: package %s has no place in the layout; see DESIGN.md, section 3", s.path, s.dir)
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if ours, ok := strings.CutPrefix(path, module+"/"); ok && s.dir != "bench" {
				if own := packageOf(ours + "/x"); own != s.dir && !slices.Contains(allowed, own) {
					t.Errorf("%s imports %s: %s may import only %v", s.path, ours, s.dir, allowed)
				}
			}
			for library, homes := range homes {
				if (path == library || strings.HasPrefix(path, library+"/")) && !slices.Contains(homes, s.dir) {
					t.Errorf("%s imports %s, which is at home in %v", s.path, path, homes)
				}
			}
		}
	}
}

func TestNoPackageRunsByItself(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: an init function; a thousand nodes live in one process", s.path)
			}
		}
	}
}

// Who calls a method by a name that is not in the program, as text/template
// does, makes the linker keep every method of every type: a fifth of the file,
// and all of it resident (DESIGN.md, section 3.4).
func TestNoMethodIsCalledByName(t *testing.T) {
	if testing.Short() {
		t.Skip("it links the program")
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(t.TempDir(), "yodel"), "-ldflags", "-dumpdep", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out[:min(len(out), 2000)])
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "<ReflectMethod>") {
			t.Fatalf("the first who does: %s", line)
		}
	}
}

func TestFunctionsFitAScreen(t *testing.T) {
	for _, s := range sources(t) {
		if lines := s.set.Position(s.file.FileEnd).Line; lines > fileMax {
			t.Errorf("%s: %d lines, limit %d", s.path, lines, fileMax)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; lines > functionMax {
				t.Errorf("%s: %s has %d lines, limit %d", s.path, f.Name.Name, lines, functionMax)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}
