package config

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// text is any string.
func text() form[string] {
	return form[string]{kind: "string", read: func(r *reader, v *value, into *string) {
		if s, ok := r.text(v); ok {
			*into = s
		}
	}}
}

// textThat is a string that a rule accepts. The rule returns it as it is kept,
// or what is wrong with it and what to do.
func textThat(kind string, rule func(string) (kept, what, hint string)) form[string] {
	return form[string]{kind: kind, read: func(r *reader, v *value, into *string) {
		s, ok := r.text(v)
		if !ok {
			return
		}
		kept, what, hint := rule(s)
		if what != "" {
			r.fail(v.at, what, hint)
			return
		}
		*into = kept
	}}
}

func (r *reader) text(v *value) (string, bool) {
	switch v.kind {
	case kindText:
		return v.text, true
	case kindNumber, kindBool:
		r.want(v, "a string", fmt.Sprintf("put it in quotes: %q", shorten(v.text)))
	default:
		r.want(v, "a string", "")
	}
	return "", false
}

// texts is a list of strings, each accepted by a rule (nil: any). It adds to
// what earlier files gave.
func texts(rule func(string) (kept, what, hint string)) form[[]string] {
	return form[[]string]{kind: "list of strings", read: func(r *reader, v *value, into *[]string) {
		one := text()
		if rule != nil {
			one = textThat("", rule)
		}
		r.items(v, func(item *value) {
			before := len(r.problems)
			var s string
			one.read(r, item, &s)
			if len(r.problems) == before {
				*into = append(*into, s)
			}
		})
	}}
}

// items reads each item of a list of literals.
func (r *reader) items(v *value, read func(*value)) {
	switch {
	case v.kind == kindText && v.flag:
		read(v)
	case v.kind == kindText:
		words := strings.Fields(shorten(v.text))
		for i, word := range words {
			words[i] = fmt.Sprintf("%q", word)
		}
		r.want(v, "a list of strings", "write ["+strings.Join(words, ", ")+"]")
	case v.kind != kindList:
		r.want(v, "a list of strings", "")
	default:
		for i := range v.list {
			if r.full() {
				return
			}
			read(&v.list[i])
		}
	}
}

// boolean is true or false.
func boolean() form[bool] {
	return form[bool]{kind: "boolean", read: func(r *reader, v *value, into *bool) {
		if v.kind != kindBool && !(v.flag && (v.text == "true" || v.text == "false")) {
			r.want(v, "true or false", "")
			return
		}
		*into = v.text == "true"
	}}
}

// integer is a whole number within limits, both included.
func integer(least, most int) form[int] {
	return form[int]{kind: "number", read: func(r *reader, v *value, into *int) {
		if v.kind != kindNumber && !v.flag {
			hint := ""
			if _, err := strconv.Atoi(v.text); err == nil && v.kind == kindText {
				hint = "write it without quotes"
			}
			r.want(v, "a number", hint)
			return
		}
		n, ok := wholeNumber(v.text)
		if !ok {
			r.fail(v.at, fmt.Sprintf("%s is not a whole number", shorten(v.text)), "")
			return
		}
		if n < int64(least) || n > int64(most) {
			r.fail(v.at, fmt.Sprintf("%d is not within %d to %d", n, least, most), "")
			return
		}
		*into = int(n)
	}}
}

// portNumber is a port, or -1 where that means not to serve; validate refuses 0.
func portNumber(canBeOff bool) form[int] {
	return form[int]{kind: "number", read: func(r *reader, v *value, into *int) {
		before, n := len(r.problems), 0
		integer(math.MinInt, math.MaxInt).read(r, v, &n)
		switch {
		case len(r.problems) > before:
		case n > math.MaxUint16 || n < -1 || n == -1 && !canBeOff:
			r.fail(v.at, fmt.Sprintf("%d is no port", n), portHint(canBeOff))
		default:
			*into = n
		}
	}}
}

func portHint(canBeOff bool) string {
	if canBeOff {
		return "write 1 to 65535, or -1 not to serve it"
	}
	return "write 1 to 65535"
}

// wholeNumber accepts what Consul's decoders do: 8600, 0x2198, and JSON's 8.6e3.
func wholeNumber(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// duration is a Go duration such as "10s", within limits, both included.
func duration(least, most time.Duration) form[time.Duration] {
	return form[time.Duration]{kind: "duration", read: func(r *reader, v *value, into *time.Duration) {
		if v.kind == kindNumber {
			r.want(v, "a duration", fmt.Sprintf("write it with a unit and in quotes: \"%ss\"", shorten(v.text)))
			return
		}
		s, ok := r.text(v)
		if !ok {
			return
		}
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			r.fail(v.at, fmt.Sprintf("%q is not a duration", shorten(s)), `durations look like "10s", "5m" or "72h"`)
		case d < least || d > most:
			r.fail(v.at, fmt.Sprintf("%s is not within %s to %s", s, plain(least), plain(most)), "")
		default:
			*into = d
		}
	}}
}

// plain writes 72h0m0s as 72h.
func plain(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mapOf is a block whose keys are free. It adds to what earlier files gave.
func mapOf[F any](kind string, f form[F]) form[map[string]F] {
	return form[map[string]F]{kind: kind, keys: f.keys, folded: f.folded,
		read: func(r *reader, v *value, into *map[string]F) {
			if v.kind == kindList && len(v.list) == 1 {
				v = &v.list[0]
			}
			if v.kind != kindBlock {
				r.want(v, "a block of "+kind, "")
				return
			}
			if *into == nil {
				*into = make(map[string]F, len(v.fields))
			}
			seen := make(map[string]position, len(v.fields))
			for i := range v.fields {
				if r.full() {
					return
				}
				r.in(shorten(v.fields[i].name), func() { readEntry(r, &v.fields[i], f, seen, *into) })
			}
		}}
}

func readEntry[F any](r *reader, field *field, f form[F], seen map[string]position, into map[string]F) {
	if first, again := seen[field.name]; again {
		r.fail(field.at, fmt.Sprintf("repeated, first given at line %d", first.line), "keep one of them")
		return
	}
	seen[field.name] = field.at
	if field.value.kind == kindNull {
		return
	}
	before := len(r.problems)
	var entry F
	f.read(r, &field.value, &entry)
	if len(r.problems) == before {
		into[field.name] = entry
	}
}

// blockOf is a block with a table of keys.
func blockOf[T any](keys []key[T], folded bool) form[T] {
	return form[T]{kind: "block", keys: describe(keys), folded: folded,
		read: func(r *reader, v *value, into *T) { readBlock(r, v, keys, folded, into) }}
}

// blocksOf is one block or a list of them, each read by one. It adds.
func blocksOf[T any](keys []Key, one func(r *reader, v *value) (T, bool)) form[[]T] {
	return form[[]T]{kind: "list of blocks", keys: keys, folded: true,
		read: func(r *reader, v *value, into *[]T) {
			list := []value{*v}
			if v.kind == kindList {
				list = v.list
			}
			for i := range list {
				if r.full() {
					return
				}
				if item, ok := one(r, &list[i]); ok {
					*into = append(*into, item)
				}
			}
		}}
}

// logLevel is one of Consul's log levels.
func logLevel() form[slog.Level] {
	return form[slog.Level]{kind: "string", read: func(r *reader, v *value, into *slog.Level) {
		s, ok := r.text(v)
		if !ok {
			return
		}
		levels := map[string]slog.Level{"trace": LevelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo,
			"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "err": slog.LevelError}
		level, ok := levels[strings.ToLower(s)]
		if !ok {
			r.fail(v.at, fmt.Sprintf("no level %q", shorten(s)), "use trace, debug, info, warn or error")
			return
		}
		*into = level
	}}
}

// LevelTrace is below slog's own levels.
const LevelTrace = slog.LevelDebug - 4
