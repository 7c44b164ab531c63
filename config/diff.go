package config

import "slices"

// Diff is which keys differ: those that a reload applies, and those that need a
// restart. Keys that fill the same field (service and services) count as one.
func Diff(old, new Config) (apply, restart []string) {
	for _, k := range topKeys() {
		if k.same == nil || k.same(&old, &new) {
			continue
		}
		name := k.Name
		if k.synonym != "" {
			name = k.synonym
		}
		list := &restart
		if k.Live {
			list = &apply
		}
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	return apply, restart
}

// Keep is new with the values that old has for the keys: what is in force after
// a reload that could not apply those.
func Keep(old, new Config, keys []string) Config {
	for _, k := range topKeys() {
		if k.keep != nil && (slices.Contains(keys, k.Name) || slices.Contains(keys, k.synonym)) {
			k.keep(&old, &new)
		}
	}
	return new
}
