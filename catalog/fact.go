package catalog

import (
	"fmt"
	"reflect"
)

// FactEntries are the keys and values of facts: one entry for each field.
func FactEntries(f Facts) (map[string][]byte, error) {
	v := reflect.ValueOf(f)
	entries := make(map[string][]byte, v.NumField())
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		b, err := Encode(v.Field(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("encode fact %s: %w", name, err)
		}
		entries[keyFacts+name] = b
	}
	return entries, nil
}

// takeFact puts one field into a copy of the node's facts. A field that this
// version does not know is kept as an entry and not shown.
func (n *Node) takeFact(e Entry, name string) error {
	facts := *n.Facts
	field := reflect.ValueOf(&facts).Elem().FieldByName(name)
	if !field.IsValid() {
		return nil
	}
	fresh := reflect.New(field.Type())
	if e.Value != nil {
		if err := Decode(e.Value, fresh.Interface()); err != nil {
			return err
		}
	}
	field.Set(fresh.Elem())
	n.Facts = &facts
	return nil
}
