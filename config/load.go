package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is where a configuration comes from.
//
// Files are read in the order of Paths; of a directory, those that end in .hcl
// or .json, in lexical order, without its subdirectories. What comes later wins:
// a value replaces, a list is added to, a block and a map are merged key by
// key. Flags come last.
type Source struct {
	Dev   bool     // start from what --dev means
	Paths []string // files and directories
	Flags []Flag
}

// Flag is a configuration key given on the command line.
type Flag struct {
	Name  string // for messages: "--bind"
	Key   string // dotted: "ports.http", "tags.role"
	Value string
}

// Load reads, merges and checks. The error is Problems, all of them; the
// warnings are there with and without an error.
func Load(s Source) (Config, Problems, error) {
	files, problems := gather(s.Paths)
	c, warnings, more := build(s, files, len(problems) > 0)
	problems = append(problems, more...)
	if len(problems) > 0 {
		return c, warnings, problems
	}
	return c, warnings, nil
}

// file is one file's content.
type file struct {
	name string
	body []byte
	json bool
}

// gather reads the files that the paths name.
func gather(paths []string) ([]file, Problems) {
	var files []file
	var problems Problems
	total := 0
	wrong := func(name string, err error) {
		problems = append(problems, Problem{File: name, What: errorText(name, err)})
	}
	for _, path := range paths {
		names, err := expandPath(path)
		if err != nil {
			wrong(path, err)
		}
		for _, name := range names {
			if len(files) >= maxFiles || total > maxTotal {
				wrong(name, fmt.Errorf("too much configuration, limit %d files and %d MiB", maxFiles, maxTotal>>20))
				return files, problems
			}
			body, err := readRegular(name, maxFileSize)
			if err != nil {
				wrong(name, err)
				continue
			}
			total += len(body)
			files = append(files, file{name, body, filepath.Ext(name) == ".json"})
		}
	}
	return files, problems
}

// errorText leaves the file's name out of an error: the Problem has it.
func errorText(name string, err error) string {
	var path *os.PathError
	if errors.As(err, &path) && path.Path == name {
		return path.Op + ": " + path.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "read "+name+": ")
}

// expandPath is a file's own name, or the names of the files in a directory.
func expandPath(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if ext := filepath.Ext(path); ext != ".hcl" && ext != ".json" {
			return nil, errors.New("the name must end in .hcl or .json")
		}
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		if ext := filepath.Ext(name); ext != ".hcl" && ext != ".json" {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// build makes the configuration out of the files' content.
// unread says that there was more, so that nothing is missed that may be there.
func build(s Source, files []file, unread bool) (c Config, warnings, problems Problems) {
	c = Default()
	if s.Dev {
		c = dev()
	}
	r := newReader()
	r.unread = unread
	keys := topKeys()
	for _, f := range files {
		v, err := parse(f.name, f.body, f.json)
		if wrong, ok := err.(Problems); ok {
			r.problems = append(r.problems, wrong...)
			r.unread = true
			continue
		}
		readBlock(r, &v, keys, false, &c)
	}
	for _, flag := range s.Flags {
		v := flag.value()
		readBlock(r, &v, keys, false, &c)
	}
	r.hostName(&c)
	r.validate(&c)
	order := make(map[string]int, len(files)) // a file given twice counts as its last reading
	for i, f := range files {
		order[f.name] = i + 1
	}
	sortProblems(r.problems, order)
	sortProblems(r.warnings, order)
	if r.full() {
		r.problems = append(r.problems, Problem{What: fmt.Sprintf("and more: stopped after %d", maxProblems)})
	}
	return c, append(r.warnings, r.summaries()...), r.problems
}

// value is the block that a flag stands for.
func (f Flag) value() value {
	at := position{file: f.Name}
	v := value{at: at, kind: kindText, text: f.Value, flag: true}
	names := strings.Split(f.Key, ".")
	for _, name := range slices.Backward(names) {
		v = value{at: at, kind: kindBlock, fields: []field{{name: name, at: at, value: v}}}
	}
	return v
}

// AddrFlags are the flags that a "host:port", "host" or ":port" stands for;
// listener is "dns" or "http".
func AddrFlags(name, listener, addr string) []Flag {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = addr, ""
	}
	var flags []Flag
	if host != "" {
		flags = append(flags, Flag{name, "addresses." + listener, host})
	}
	if port != "" {
		flags = append(flags, Flag{name, "ports." + listener, port})
	}
	return flags
}

// hostName is the node's name unless a file or a flag gave one.
func (r *reader) hostName(c *Config) {
	if _, given := r.where["node_name"]; given {
		return
	}
	name, err := os.Hostname()
	if err != nil {
		r.at("node_name", "is not set, and the host has no name: "+err.Error(), `write node_name = "..."`)
		return
	}
	if what, hint := wrongNodeName(name); what != "" {
		r.at("node_name", "is not set, and the host's name will not do: "+what, hint)
		return
	}
	c.NodeName = strings.ToLower(name)
}

// sortProblems orders by file as read, then by line.
func sortProblems(list Problems, order map[string]int) {
	slices.SortStableFunc(list, func(a, b Problem) int {
		place := func(p Problem) int {
			if at, ok := order[p.File]; ok {
				return at
			}
			return len(order) + 1 // flags and defaults
		}
		if d := place(a) - place(b); d != 0 {
			return d
		}
		if a.File == b.File && a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Key, b.Key)
	})
}
