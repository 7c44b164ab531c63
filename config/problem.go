package config

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a configuration, or one warning about it.
type Problem struct {
	File string `json:"file,omitempty"` // as it was given, or the flag ("--bind"); empty: a default
	Line int    `json:"line,omitempty"` // from 1; 0: the whole file
	Key  string `json:"key,omitempty"`  // dotted: "dns_config.node_ttl"
	What string `json:"what"`
	Hint string `json:"hint,omitempty"` // what to do
}

// String is "file:line: key: what; hint", without the parts that are empty.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.place())
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

func (p Problem) place() string {
	switch at := (position{p.File, p.Line}).String(); at {
	case "":
		return ""
	default:
		return at + ": "
	}
}

// Problems are all that is wrong, in the order of the files and their lines.
type Problems []Problem

// Error is one Problem per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// position is where a key or a value was written.
type position struct {
	file string
	line int
}

func (p position) String() string {
	switch {
	case p.file == "":
		return ""
	case p.line == 0:
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}
