package api

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-bexpr/grammar"
)

const (
	// filterMax bounds a filter's text: the longest ever needed by hand has 300
	// bytes, and a list of 100 host names fits.
	filterMax = 4096
	// filterSteps bounds the parser, which tries again from the start of every
	// parenthesis: 150 ms, or six parentheses in each other.
	filterSteps = 2_000_000
	// filterNesting bounds any and all within each other: with 500 mounts, each
	// level makes one match 500 times slower.
	filterNesting = 2
)

// Filter is a question about a T, in the language of go-bexpr with <, <=, > and
// >= beside it. See docs/filters.md for the fields.
//
// All that can be wrong is found when it is made: Match always answers. The
// zero value and nil match everything.
type Filter[T any] struct{ test test }

// Match says whether v is what is looked for.
func (f *Filter[T]) Match(v T) bool {
	if f == nil || f.test == nil {
		return true
	}
	return f.test(&scope{subject: v})
}

// parseFilter makes a filter over the fields of a thing ("a node").
func parseFilter[T any](expr, thing string, fields []field[T]) (*Filter[T], error) {
	if strings.TrimSpace(expr) == "" {
		return nil, nil
	}
	if len(expr) > filterMax {
		return nil, Invalid("filter: %d bytes, limit %d", len(expr), filterMax)
	}
	plain, err := rewrite(expr)
	if err != nil {
		return nil, err
	}
	tree, err := grammar.Parse("", []byte(plain.text), grammar.MaxExpressions(filterSteps))
	if err != nil {
		return nil, plain.parseError(err)
	}
	c := compiler{thing: thing}
	for _, f := range fields {
		c.roots = append(c.roots, f.root())
	}
	t, err := c.compile(tree.(grammar.Expression))
	if err != nil {
		return nil, Invalid("filter: %v", err)
	}
	return &Filter[T]{test: t}, nil
}

// pointAt is an error with the filter and a mark under the place it is about.
func pointAt(expr string, at int, format string, args ...any) error {
	at = min(at, len(expr))
	// The line of a filter of many lines, in columns of characters.
	start := strings.LastIndexByte(expr[:at], '\n') + 1
	line, _, _ := strings.Cut(expr[start:], "\n")
	line = strings.ToValidUTF8(strings.ReplaceAll(line, "\t", " "), "?")
	before := []rune(strings.ToValidUTF8(expr[start:at], "?"))
	column := len(before)
	const around = 60 // of the line on each side of the mark
	shown := []rune(line)
	from := max(0, column-around)
	to := min(len(shown), column+around)
	from = min(from, to)
	return Invalid("filter: %s, at character %d\n  %s\n  %s^", fmt.Sprintf(format, args...), column+1,
		string(shown[from:to]), strings.Repeat(" ", max(0, column-from)))
}
