package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// Told is what a node told of its machine: Facts, each field still as the node
// encoded it. Few ask for facts, and decoded those of a Hadoop host take twice
// the room, on every host of the mesh; so they are decoded at each question.
//
// It is immutable. The zero value is a node that told nothing. As JSON it is
// Facts.
type Told struct {
	parts [][]byte // by field of Facts; nil: not told
}

var factsType = reflect.TypeFor[Facts]()

// Tell encodes facts.
func Tell(f Facts) (Told, error) {
	v := reflect.ValueOf(f)
	t := Told{make([][]byte, v.NumField())}
	for i := range t.parts {
		b, err := Encode(v.Field(i).Interface())
		if err != nil {
			return Told{}, fmt.Errorf("encode fact %s: %w", factsType.Field(i).Name, err)
		}
		t.parts[i] = b
	}
	return t, nil
}

// FactEntries are the keys and values of facts: one entry for each field.
func FactEntries(f Facts) (map[string][]byte, error) {
	t, err := Tell(f)
	entries := make(map[string][]byte, len(t.parts))
	for i, b := range t.parts {
		entries[keyFacts+factsType.Field(i).Name] = b
	}
	return entries, err
}

// Facts decodes all of it, in about 60 µs for a Hadoop host.
func (t Told) Facts() Facts {
	var f Facts
	v := reflect.ValueOf(&f).Elem()
	for i := range t.parts {
		v.Field(i).Set(t.part(i))
	}
	return f
}

// Part decodes one field of Facts, such as "Disks". It panics if Facts has no
// such field.
func (t Told) Part(name string) any {
	field, ok := factsType.FieldByName(name)
	if !ok {
		panic("catalog: Facts has no field " + name)
	}
	return t.part(field.Index[0]).Interface()
}

// part is a field of Facts, or its zero value. Only what can be decoded came in.
func (t Told) part(i int) reflect.Value {
	fresh := reflect.New(factsType.Field(i).Type)
	if i < len(t.parts) && t.parts[i] != nil {
		if err := Decode(t.parts[i], fresh.Interface()); err != nil {
			fresh.SetZero()
		}
	}
	return fresh.Elem()
}

// with is t after one field was told anew; nil takes it back.
func (t Told) with(name string, value []byte) (Told, error) {
	field, known := factsType.FieldByName(name)
	if !known {
		return t, nil // kept as an entry, for the versions that know it
	}
	if value != nil {
		if err := Decode(value, reflect.New(field.Type).Interface()); err != nil {
			return t, err
		}
	}
	parts := make([][]byte, factsType.NumField())
	copy(parts, t.parts)
	parts[field.Index[0]] = value
	return Told{parts}, nil
}

func (t Told) equal(u Told) bool { return slices.EqualFunc(t.parts, u.parts, bytes.Equal) }

// MarshalJSON is the JSON of Facts. Lists are never null.
func (t Told) MarshalJSON() ([]byte, error) {
	f := t.Facts()
	f.Disks, f.Mounts, f.Interfaces = list(f.Disks), list(f.Mounts), list(f.Interfaces)
	for i := range f.Interfaces {
		f.Interfaces[i].Addresses = list(f.Interfaces[i].Addresses)
	}
	return json.Marshal(f)
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// UnmarshalJSON reads the JSON of Facts.
func (t *Told) UnmarshalJSON(b []byte) error {
	var f Facts
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	told, err := Tell(f)
	*t = told
	return err
}
