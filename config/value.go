package config

import (
	"bytes"
	"fmt"
)

// Limits on what is read, so that no file can hold up or exhaust an agent.
const (
	maxFileSize = 4 << 20  // bytes; a thousand service definitions are about 1 MiB
	maxFiles    = 4096     // per Load; one service per file on the largest hosts seen is some hundreds
	maxTotal    = 16 << 20 // bytes in all files together; parsed, they take some ten times that for a moment
	maxServices = 4096     // on one host, and checks likewise: each check is a timer, a log of results and a line in the catalog
	maxDepth    = 32       // blocks and lists inside each other; the deepest known key needs 5
)

// kind is what a value is written as.
type kind int

const (
	kindNull kind = iota
	kindText
	kindNumber
	kindBool
	kindList
	kindBlock
)

func (k kind) String() string {
	return [...]string{"null", "a string", "a number", "a boolean", "a list", "a block"}[k]
}

// value is one value as it was written, HCL and JSON alike.
type value struct {
	at     position
	kind   kind
	text   string  // of a string (unquoted), a number or a boolean (as written)
	list   []value // of a list
	fields []field // of a block, in the order written, repetitions included
	flag   bool    // from the command line: text stands for a number, a boolean or a list too
}

// field is one key of a block.
type field struct {
	name  string
	at    position
	label bool // the block's label: the "web" of service "web" {...}
	value value
}

// parse reads one file. A name ending in .json is JSON; any other is HCL, or
// JSON if it starts with a brace, as with Consul.
func parse(name string, src []byte, json bool) (value, error) {
	if len(src) > maxFileSize {
		return value{}, Problem{File: name, What: fmt.Sprintf("%d bytes, limit %d", len(src), maxFileSize)}.err()
	}
	body := bytes.TrimLeft(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(body) == 0 {
		return value{at: position{name, 1}, kind: kindBlock}, nil
	}
	if json || body[0] == '{' {
		return parseJSON(name, src)
	}
	return parseHCL(name, src)
}

func (p Problem) err() error { return Problems{p} }
