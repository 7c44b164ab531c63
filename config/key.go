package config

import (
	"reflect"
	"strings"
)

// Key describes one configuration key, for documentation and completion.
type Key struct {
	Name string // within its block
	Kind string // what is written: "string", "duration", "list of strings", "block", ...
	Doc  string // one line
	Live bool   // a reload applies a change; otherwise it needs a restart
	Use  Use
	Keys []Key // of a block

	aliases []string
	synonym string // the key that fills the same field
	repeats bool   // a file may give it more than once; each adds
	folded  bool   // in Keys, case and underscores do not matter: Consul's API spelling
}

// Use is what becomes of a key's value.
type Use string

// What becomes of a key: used, accepted for a later version, Consul's and
// without meaning here, or refused with advice (its Doc).
const (
	Used    Use = "used"
	Later   Use = "later"
	Ignored Use = "ignored"
	Refused Use = "refused"
)

// Keys are all keys of a configuration file.
func Keys() []Key { return describe(topKeys()) }

// key is a Key that can be read into a T and compared between two of them.
type key[T any] struct {
	Key
	read func(r *reader, v *value, into *T)
	same func(a, b *T) bool
	keep func(from, to *T) // copies the field
}

// form is how an F is written.
type form[F any] struct {
	kind   string
	read   func(r *reader, v *value, into *F)
	keys   []Key
	folded bool
}

// keyed is the key that fills the field that at points to.
func keyed[T, F any](name string, f form[F], at func(*T) *F, doc string) key[T] {
	return key[T]{
		Key:  Key{Name: name, Kind: f.kind, Doc: doc, Use: Used, Keys: f.keys, folded: f.folded},
		read: func(r *reader, v *value, into *T) { f.read(r, v, at(into)) },
		same: func(a, b *T) bool { return reflect.DeepEqual(at(a), at(b)) },
		keep: func(from, to *T) { *at(to) = *at(from) },
	}
}

func (k key[T]) live() key[T] {
	k.Live = true
	return k
}

func (k key[T]) repeated() key[T] {
	k.repeats = true
	return k
}

func (k key[T]) also(name string) key[T] {
	k.synonym = name
	return k
}

func (k key[T]) alias(names ...string) key[T] {
	k.aliases = names
	return k
}

// unused are keys that are accepted or refused without reading their value.
func unused[T any](use Use, doc string, names ...string) []key[T] {
	keys := make([]key[T], len(names))
	for i, name := range names {
		keys[i] = key[T]{Key: Key{Name: name, Doc: doc, Use: use, repeats: use != Refused}}
	}
	return keys
}

func describe[T any](keys []key[T]) []Key {
	described := make([]Key, len(keys))
	for i := range keys {
		described[i] = keys[i].Key
	}
	return described
}

// find is the key of that name, in any case; folded: underscores do not matter
// either. nil: there is none.
func find[T any](keys []key[T], name string, folded bool) *key[T] {
	for i := range keys {
		if matches(keys[i].Name, name, folded) {
			return &keys[i]
		}
		for _, alias := range keys[i].aliases {
			if matches(alias, name, folded) {
				return &keys[i]
			}
		}
	}
	return nil
}

func matches(known, name string, folded bool) bool {
	if strings.EqualFold(known, name) {
		return true
	}
	return folded && strings.EqualFold(strings.ReplaceAll(known, "_", ""), name)
}

// suggest is a hint about a name that is no key here: the nearest that is, or
// the block where it belongs.
func suggest(name string, here []Key) string {
	var names []string
	for _, k := range here {
		if k.Use == Used || k.Use == Later {
			names = append(names, k.Name)
		}
	}
	if right := nearest(name, names); right != "" {
		return "did you mean " + right + "?"
	}
	switch path := elsewhere(name, "", Keys()); {
	case path == "":
		return ""
	case strings.Contains(path, "."):
		return "it belongs at " + path
	}
	return "it belongs in the agent's configuration, outside of all blocks"
}

// elsewhere is the dotted path of a key of exactly that name, or "".
func elsewhere(name, prefix string, keys []Key) string {
	for _, k := range keys {
		if k.Use == Used && matches(k.Name, name, true) {
			return prefix + k.Name
		}
	}
	for _, k := range keys {
		if path := elsewhere(name, prefix+k.Name+".", k.Keys); path != "" {
			return path
		}
	}
	return ""
}
