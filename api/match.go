package api

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-bexpr/grammar"
)

// match is a test of one operand.
func match(o operand, operator grammar.MatchOperator, raw string) (test, error) {
	found, negated := positive(operator)
	var holds func(reflect.Value) bool
	var err error
	switch found {
	case grammar.MatchEqual:
		if comparison, ok := strings.CutPrefix(raw, marker); ok && !negated {
			holds, err = compare(o, comparison)
		} else {
			holds, err = equal(o.typ, o.name, raw)
		}
	case grammar.MatchIn, grammar.MatchContains:
		holds, err = contains(o, raw)
	case grammar.MatchIsEmpty:
		holds, err = empty(o)
	case grammar.MatchMatches:
		holds, err = matches(o, raw)
	case grammar.MatchIsNil:
		holds = func(v reflect.Value) bool {
			return (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
		}
	}
	if err != nil {
		return nil, err
	}
	absent := operator.NotPresentDisposition() // go-bexpr's word on missing keys
	return func(s *scope) bool {
		v, ok := o.value(s)
		if !ok {
			return absent
		}
		return holds(v) != negated
	}, nil
}

// positive is the operator without its not.
func positive(o grammar.MatchOperator) (found grammar.MatchOperator, negated bool) {
	switch o {
	case grammar.MatchNotEqual:
		return grammar.MatchEqual, true
	case grammar.MatchNotIn:
		return grammar.MatchIn, true
	case grammar.MatchNotContains:
		return grammar.MatchContains, true
	case grammar.MatchIsNotEmpty:
		return grammar.MatchIsEmpty, true
	case grammar.MatchNotMatches:
		return grammar.MatchMatches, true
	case grammar.MatchIsNotNil:
		return grammar.MatchIsNil, true
	}
	return o, false
}

// equal tests values of a type for being raw.
func equal(t reflect.Type, name, raw string) (func(reflect.Value) bool, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case isTime(t):
		at, err := parseTime(name, raw)
		return func(v reflect.Value) bool { return v.Interface().(time.Time).Equal(at) }, err
	case k == reflect.String:
		return func(v reflect.Value) bool { return v.String() == raw }, nil
	case k == reflect.Bool:
		want, err := strconv.ParseBool(raw)
		if err != nil {
			err = fmt.Errorf("%s is true or false, not %q", name, raw)
		}
		return func(v reflect.Value) bool { return v.Bool() == want }, err
	case reflect.Zero(t).CanInt():
		if want, err := strconv.ParseInt(raw, 0, 64); err == nil {
			return func(v reflect.Value) bool { return v.Int() == want }, nil
		}
	case reflect.Zero(t).CanUint():
		if want, err := strconv.ParseUint(raw, 0, 64); err == nil {
			return func(v reflect.Value) bool { return v.Uint() == want }, nil
		}
	case !reflect.Zero(t).CanFloat():
		return nil, fmt.Errorf("%s is %s: == and != want a single value; write %q in %s, or is empty", name, kindName(t), raw, name)
	}
	want, err := parseNumber(name, raw)
	return func(v reflect.Value) bool { return number(v) == want }, err
}

// compare tests an order: "<=64GiB".
func compare(o operand, comparison string) (func(reflect.Value) bool, error) {
	operator := comparison[:min(1, len(comparison))]
	if strings.HasPrefix(comparison[len(operator):], "=") {
		operator += "="
	}
	raw := comparison[len(operator):]
	holds, known := map[string]func(int) bool{
		"<":  func(c int) bool { return c < 0 },
		"<=": func(c int) bool { return c <= 0 },
		">":  func(c int) bool { return c > 0 },
		">=": func(c int) bool { return c >= 0 },
	}[operator]
	if !known {
		return nil, errors.New("a value holds a character that no filter can have")
	}
	switch k := o.typ.Kind(); {
	case isTime(o.typ):
		at, err := parseTime(o.name, raw)
		return func(v reflect.Value) bool { return holds(v.Interface().(time.Time).Compare(at)) }, err
	case k == reflect.String:
		return func(v reflect.Value) bool { return ordered(v.String(), raw) && holds(natural(v.String(), raw)) }, nil
	case reflect.Zero(o.typ).CanInt(), reflect.Zero(o.typ).CanUint(), reflect.Zero(o.typ).CanFloat():
		want, err := parseNumber(o.name, raw)
		return func(v reflect.Value) bool { return holds(cmp.Compare(number(v), want)) }, err
	}
	return nil, fmt.Errorf("%s is %s: %s wants a number, a time or a text", o.name, kindName(o.typ), operator)
}

// number is a number as a float: exact up to 9 PB.
func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}

var numberPattern = regexp.MustCompile(`^([+-]?[0-9]+(?:\.[0-9]+)?)(?:([kKMGTP])(i?)B?|B)?$`)

// parseNumber reads 64, -1.5, 64GB (1000s) and 64GiB (1024s).
func parseNumber(name, raw string) (float64, error) {
	m := numberPattern.FindStringSubmatch(raw)
	if m == nil {
		return 0, fmt.Errorf("%s is a number, and %q is none; write such as 8, 1.5, 64GB or 64GiB", name, raw)
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%s: number %.40q is too large", name, raw)
	}
	if m[2] == "" {
		return f, nil
	}
	base := 1000.0
	if m[3] != "" {
		base = 1024
	}
	return f * math.Pow(base, float64(1+strings.Index("KMGTP", strings.ToUpper(m[2])))), nil
}

func parseTime(name, raw string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is a time, and %q is none; write such as 2026-11-21 or 2026-11-21T08:00:00Z", name, raw)
}

// ordered says whether an order of two texts means something: a number has
// none with a word.
func ordered(a, b string) bool { return a != "" && b != "" && isDigit(a[0]) == isDigit(b[0]) }

// natural orders texts as people do versions: runs of digits as numbers, so
// that 5.10 is after 5.9.
func natural(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			var x, y string
			x, a = digits(a)
			y, b = digits(b)
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(a[0], b[0]); c != 0 {
			return c
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits splits a text after its leading digits, without their leading zeros.
func digits(s string) (run, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return strings.TrimLeft(s[:i], "0"), s[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// contains tests for an element of a list, a key of a map, a part of a text.
func contains(o operand, raw string) (func(reflect.Value) bool, error) {
	switch o.typ.Kind() {
	case reflect.String:
		return func(v reflect.Value) bool { return strings.Contains(v.String(), raw) }, nil
	case reflect.Map:
		key := reflect.ValueOf(raw).Convert(o.typ.Key())
		return func(v reflect.Value) bool { return v.MapIndex(key).IsValid() }, nil
	case reflect.Slice:
		is, err := equal(o.typ.Elem(), "an element of "+o.name, raw)
		if err != nil {
			return nil, fmt.Errorf("%s is a list of groups of fields; write: any %s as x { x.Name == %q }", o.name, o.name, raw)
		}
		return func(v reflect.Value) bool {
			for i := range v.Len() {
				if is(reflect.Indirect(v.Index(i))) {
					return true
				}
			}
			return false
		}, nil
	}
	return nil, fmt.Errorf("%s is %s: in and contains want a list, a map or a text", o.name, kindName(o.typ))
}

func empty(o operand) (func(reflect.Value) bool, error) {
	switch o.typ.Kind() {
	case reflect.String, reflect.Map, reflect.Slice:
		return func(v reflect.Value) bool { return v.Len() == 0 }, nil
	}
	return nil, fmt.Errorf("%s is %s: only a list, a map or a text can be empty", o.name, kindName(o.typ))
}

func matches(o operand, raw string) (func(reflect.Value) bool, error) {
	if o.typ.Kind() != reflect.String {
		return nil, fmt.Errorf("%s is %s: matches wants a text", o.name, kindName(o.typ))
	}
	re, err := regexp.Compile(raw)
	if err != nil {
		return nil, fmt.Errorf("matches: %v; the syntax is that of golang.org/s/re2syntax", err)
	}
	return func(v reflect.Value) bool { return re.MatchString(v.String()) }, nil
}
