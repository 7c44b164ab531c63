package api

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-bexpr/grammar"

	"github.com/yodel-mesh/yodel/catalog"
)

// test is a compiled part of a filter.
type test func(*scope) bool

// scope is what a test is asked about.
type scope struct {
	subject any
	locals  []reflect.Value // what any and all have bound, outermost first
}

// operand is a selector whose type is known. value says false where there is
// none: a missing key, an index beyond the end.
type operand struct {
	name  string
	typ   reflect.Type
	value func(*scope) (reflect.Value, bool)
}

// root is a field of the thing that the filter is about.
type root struct {
	name    string
	aliases []string
	operand operand
}

type local struct {
	name    string
	operand operand
}

type compiler struct {
	thing   string // "a node"
	roots   []root
	locals  []local
	nesting int
	depth   int // of slots in scope.locals
}

func (c *compiler) compile(e grammar.Expression) (test, error) {
	switch e := e.(type) {
	case *grammar.UnaryExpression:
		inner, err := c.compile(e.Operand)
		return func(s *scope) bool { return !inner(s) }, err
	case *grammar.BinaryExpression:
		return c.both(e)
	case *grammar.CollectionExpression:
		return c.collection(e)
	case *grammar.MatchExpression:
		o, err := c.resolve(e.Selector.Path)
		if err != nil {
			return nil, err
		}
		raw := ""
		if e.Value != nil {
			raw = e.Value.Raw
		}
		return match(o, e.Operator, raw)
	}
	return nil, fmt.Errorf("%T is unknown here", e)
}

func (c *compiler) both(e *grammar.BinaryExpression) (test, error) {
	left, err := c.compile(e.Left)
	if err != nil {
		return nil, err
	}
	right, err := c.compile(e.Right)
	if err != nil {
		return nil, err
	}
	if e.Operator == grammar.BinaryOpOr {
		return func(s *scope) bool { return left(s) || right(s) }, nil
	}
	return func(s *scope) bool { return left(s) && right(s) }, nil
}

// collection is any and all over a list or a map.
func (c *compiler) collection(e *grammar.CollectionExpression) (test, error) {
	o, err := c.resolve(e.Selector.Path)
	if err != nil {
		return nil, err
	}
	if k := o.typ.Kind(); k != reflect.Slice && k != reflect.Map {
		return nil, fmt.Errorf("%s is %s: any and all want a list or a map", o.name, kindName(o.typ))
	}
	if c.nesting >= filterNesting {
		return nil, fmt.Errorf("any and all stand more than %d deep in each other, the limit", filterNesting)
	}
	names := e.NameBinding
	if names.Index != "" && names.Index == names.Value {
		return nil, fmt.Errorf("%q stands for both the index and the value", names.Index)
	}
	ofMap := o.typ.Kind() == reflect.Map
	key, value := c.depth, c.depth+1
	before, depth := len(c.locals), c.depth
	bind := func(name string, slot int, t reflect.Type) {
		if name != "" {
			c.locals = append(c.locals, local{name, slotOperand(name, slot, t)})
		}
	}
	keyType := reflect.TypeFor[int]()
	if ofMap {
		keyType = o.typ.Key()
		bind(names.Default, key, keyType)
	} else {
		bind(names.Default, value, o.typ.Elem())
	}
	bind(names.Index, key, keyType)
	bind(names.Value, value, o.typ.Elem())
	c.depth, c.nesting = c.depth+2, c.nesting+1
	inner, err := c.compile(e.Inner)
	c.locals, c.depth, c.nesting = c.locals[:before], depth, c.nesting-1
	if err != nil {
		return nil, err
	}
	return over(o, inner, e.Op == grammar.CollectionOpAny), nil
}

// over asks inner about each element until the answer is known.
func over(o operand, inner test, any bool) test {
	return func(s *scope) bool {
		v, ok := o.value(s)
		if !ok {
			return !any
		}
		before := s.locals
		defer func() { s.locals = before }()
		ask := func(key, value reflect.Value) bool {
			s.locals = append(before[:len(before):len(before)], key, value)
			return inner(s)
		}
		if v.Kind() == reflect.Map {
			for iter := v.MapRange(); iter.Next(); {
				if ask(iter.Key(), iter.Value()) == any {
					return any
				}
			}
			return !any
		}
		for i := range v.Len() {
			if ask(reflect.ValueOf(i), v.Index(i)) == any {
				return any
			}
		}
		return !any
	}
}

func slotOperand(name string, slot int, t reflect.Type) operand {
	return deref(operand{name, t, func(s *scope) (reflect.Value, bool) { return s.locals[slot], true }})
}

// resolve finds what a selector names. Fields go by name without case; keys of
// maps are exact.
func (c *compiler) resolve(path []string) (operand, error) {
	if len(path) == 0 {
		return operand{}, fmt.Errorf("a selector names nothing")
	}
	o, err := c.first(path[0])
	for _, name := range path[1:] {
		if err != nil {
			break
		}
		o, err = step(o, name)
	}
	return o, err
}

func (c *compiler) first(name string) (operand, error) {
	for _, l := range slices.Backward(c.locals) {
		if l.name == name {
			return l.operand, nil
		}
	}
	var names []string
	for _, r := range c.roots {
		if strings.EqualFold(r.name, name) || slices.ContainsFunc(r.aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return r.operand, nil
		}
		names = append(names, r.name)
	}
	if hint := didYouMean(name, names); hint != "" {
		return operand{}, fmt.Errorf("%s has no field %s%s", c.thing, name, hint)
	}
	return operand{}, fmt.Errorf("%s has no field %s; it has %s", c.thing, name, strings.Join(names, ", "))
}

// step goes from a value to a part of it.
func step(o operand, name string) (operand, error) {
	full := o.name + "." + name
	switch {
	case isTime(o.typ):
	case o.typ == reflect.TypeFor[catalog.Told]():
		return toldStep(o, name)
	case o.typ.Kind() == reflect.Struct:
		return fieldStep(o, name)
	case o.typ.Kind() == reflect.Map:
		key := reflect.ValueOf(name).Convert(o.typ.Key())
		return deref(operand{full, o.typ.Elem(), func(s *scope) (reflect.Value, bool) {
			m, ok := o.value(s)
			if !ok {
				return m, false
			}
			v := m.MapIndex(key)
			return v, v.IsValid()
		}}), nil
	case o.typ.Kind() == reflect.Slice:
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 {
			return o, fmt.Errorf("%s is a list and has no %s; write: any %s as x { x.%s ... }", o.name, name, o.name, name)
		}
		return deref(operand{full, o.typ.Elem(), func(s *scope) (reflect.Value, bool) {
			l, ok := o.value(s)
			if !ok || i >= l.Len() {
				return reflect.Value{}, false
			}
			return l.Index(i), true
		}}), nil
	}
	return o, fmt.Errorf("%s is %s and has no %s", o.name, kindName(o.typ), name)
}

func fieldStep(o operand, name string) (operand, error) {
	f, err := fieldOf(o.typ, o.name, name)
	if err != nil {
		return o, err
	}
	return deref(operand{o.name + "." + wireName(f), f.Type, func(s *scope) (reflect.Value, bool) {
		v, ok := o.value(s)
		if !ok {
			return v, false
		}
		return v.FieldByIndex(f.Index), true
	}}), nil
}

// toldStep goes to a part of the facts and decodes no other.
func toldStep(o operand, name string) (operand, error) {
	f, err := fieldOf(reflect.TypeFor[catalog.Facts](), o.name, name)
	if err != nil {
		return o, err
	}
	return operand{o.name + "." + wireName(f), f.Type, func(s *scope) (reflect.Value, bool) {
		v, ok := o.value(s)
		if !ok {
			return v, false
		}
		return reflect.ValueOf(v.Interface().(catalog.Told).Part(f.Name)), true
	}}, nil
}

// fieldOf is the field that has a name, in any case, of a thing of type t.
func fieldOf(t reflect.Type, thing, name string) (reflect.StructField, error) {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		wire := wireName(f)
		if strings.EqualFold(wire, name) || strings.EqualFold(f.Name, name) {
			return f, nil
		}
		names = append(names, wire)
	}
	var none reflect.StructField
	if hint := didYouMean(name, names); hint != "" {
		return none, fmt.Errorf("%s has no field %s%s", thing, name, hint)
	}
	return none, fmt.Errorf("%s has no field %s; it has %s", thing, name, strings.Join(names, ", "))
}

func wireName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
		return name
	}
	return f.Name
}

// deref makes a pointer what it points to, and a nil one nothing.
func deref(o operand) operand {
	for o.typ.Kind() == reflect.Pointer {
		inner := o.value
		o.typ = o.typ.Elem()
		o.value = func(s *scope) (reflect.Value, bool) {
			v, ok := inner(s)
			if !ok || v.IsNil() {
				return reflect.Value{}, false
			}
			return v.Elem(), true
		}
	}
	return o
}

func isTime(t reflect.Type) bool { return t == reflect.TypeFor[time.Time]() }

// kindName is a type in words for people.
func kindName(t reflect.Type) string {
	switch k := t.Kind(); {
	case isTime(t):
		return "a time"
	case k == reflect.String:
		return "a text"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Slice:
		return "a list"
	case k == reflect.Map:
		return "a map"
	case k == reflect.Struct:
		return "a group of fields"
	}
	return "a number"
}
