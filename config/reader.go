package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yodel-mesh/yodel/checks"
)

// maxProblems ends the reading of a hopeless file: nobody reads more.
const maxProblems = 200

// reader collects what is said about values while tables of keys read them.
type reader struct {
	problems Problems
	warnings Problems
	where    map[string]position // where a path was last set
	places   places
	ignored  []mention // keys of Consul's without meaning here
	later    []mention // keys for a later version
	path     []string
	unread   bool // some file could not be read: what seems missing may be in it

	serviceTable []key[draft] // made once: a file may have thousands
	checkTable   []key[checks.Definition]
}

type mention struct {
	key string
	at  position
}

func newReader() *reader {
	return &reader{
		where: make(map[string]position), places: make(places), serviceTable: serviceKeys(), checkTable: checkKeys(),
	}
}

func (r *reader) full() bool { return len(r.problems) >= maxProblems }

func (r *reader) key() string { return strings.Join(r.path, ".") }

func (r *reader) fail(at position, what, hint string) {
	if r.full() {
		return
	}
	r.problems = append(r.problems, Problem{File: at.file, Line: at.line, Key: r.key(), What: what, Hint: hint})
}

func (r *reader) warn(at position, what, hint string) {
	if len(r.warnings) < maxProblems {
		r.warnings = append(r.warnings, Problem{File: at.file, Line: at.line, Key: r.key(), What: what, Hint: hint})
	}
}

// want says that a value has the wrong kind.
func (r *reader) want(v *value, what, hint string) {
	r.fail(v.at, fmt.Sprintf("want %s, got %s", what, v.kind), hint)
}

// in runs f with a name added to the path of the problems it reports.
func (r *reader) in(name string, f func()) {
	r.path = append(r.path, name)
	f()
	r.path = r.path[:len(r.path)-1]
}

// readBlock reads a block's fields by a table of keys.
func readBlock[T any](r *reader, v *value, keys []key[T], folded bool, into *T) {
	if v.kind == kindList && len(v.list) == 1 { // HCL writes foo = [{...}] and foo {...} for the same
		v = &v.list[0]
	}
	if v.kind != kindBlock {
		r.want(v, "a block", "")
		return
	}
	seen := make(map[string]position)
	for i := range v.fields {
		if r.full() {
			return
		}
		f := &v.fields[i]
		k := find(keys, f.name, folded)
		if k == nil {
			r.unknown(f, describe(keys))
			continue
		}
		r.in(k.Name, func() { readField(r, f, k, seen, into) })
	}
}

func readField[T any](r *reader, f *field, k *key[T], seen map[string]position, into *T) {
	if first, again := seen[k.Name]; again && !k.repeats {
		hint := "keep one of them"
		if k.Kind == "list of strings" {
			hint = "write one list"
		}
		r.fail(f.at, fmt.Sprintf("repeated, first given at line %d", first.line), hint)
		return
	}
	seen[k.Name] = f.at
	switch {
	case k.Use == Refused:
		r.fail(f.at, "is not supported", k.Doc)
	case k.Use == Ignored:
		r.ignored = addMention(r.ignored, r.key(), f.at)
	case k.Use == Later:
		r.later = addMention(r.later, r.key(), f.at)
	case f.value.kind == kindNull: // Consul's Go client writes absent fields so
	default:
		r.where[r.key()] = f.at
		k.read(r, &f.value, into)
	}
}

func addMention(list []mention, key string, at position) []mention {
	if slices.ContainsFunc(list, func(m mention) bool { return m.key == key }) {
		return list
	}
	return append(list, mention{key, at})
}

func (r *reader) unknown(f *field, here []Key) {
	hint := suggest(f.name, here)
	if f.label {
		hint = fmt.Sprintf("a block takes no label here: write name = %q inside it", shorten(f.name))
	}
	r.in(shorten(f.name), func() { r.fail(f.at, "unknown key", hint) })
}

// shorten keeps foreign text on one line of a message.
func shorten(text string) string {
	const most = 160
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\u2028' || c == '\u2029' || c == '\ufffd' {
			return '?'
		}
		return c
	}, text)
}

// summaries are the warnings that name many keys at once.
func (r *reader) summaries() Problems {
	var all Problems
	if len(r.ignored) > 0 {
		all = append(all, Problem{What: "keys of Consul's that have no meaning here are ignored: " + mentions(r.ignored)})
	}
	if len(r.later) > 0 {
		all = append(all, Problem{What: "keys that this version accepts and does not use yet: " + mentions(r.later)})
	}
	return all
}

func mentions(list []mention) string {
	said := make([]string, len(list))
	for i, m := range list {
		said[i] = m.key
		if at := m.at.String(); at != "" {
			said[i] += " (" + at + ")"
		}
	}
	return strings.Join(said, ", ")
}
