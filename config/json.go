package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// parseJSON reads with encoding/json, as Consul does. The JSON parser inside
// hashicorp/hcl is not used: it drops what follows a missing comma and every
// boolean in a list without a word.
func parseJSON(name string, src []byte) (value, error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	p := jsonParser{name: name, lines: lineEnds(src), dec: json.NewDecoder(bytes.NewReader(src))}
	p.dec.UseNumber()
	v, err := p.value(0)
	if err == nil {
		if v.kind != kindBlock {
			err = errors.New("want one object")
		} else if _, extra := p.dec.Token(); extra != io.EOF {
			err = errors.New("more text after the end of the object")
		}
	}
	if err != nil {
		at := p.at()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = p.line(syntax.Offset - 1)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends in the middle")
			at = p.line(int64(len(bytes.TrimRight(src, " \t\r\n"))) - 1)
		}
		return value{}, Problem{File: name, Line: at.line, What: "parse JSON: " + shorten(err.Error())}.err()
	}
	return v, nil
}

type jsonParser struct {
	name  string
	lines []int64 // offset of each newline
	dec   *json.Decoder
}

func lineEnds(src []byte) []int64 {
	var ends []int64
	for i, c := range src {
		if c == '\n' {
			ends = append(ends, int64(i))
		}
	}
	return ends
}

// line is the position of the byte at an offset.
func (p *jsonParser) line(offset int64) position {
	before := sort.Search(len(p.lines), func(i int) bool { return p.lines[i] >= offset })
	return position{p.name, before + 1}
}

// at is the position of the last byte of the token just read.
func (p *jsonParser) at() position { return p.line(p.dec.InputOffset() - 1) }

func (p *jsonParser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, fmt.Errorf("more than %d blocks and lists inside each other", maxDepth)
	}
	token, err := p.dec.Token()
	if err != nil {
		return value{}, err
	}
	v := value{at: p.at()}
	switch token := token.(type) {
	case nil:
		v.kind = kindNull
	case string:
		v.kind, v.text = kindText, token
	case json.Number:
		v.kind, v.text = kindNumber, token.String()
	case bool:
		v.kind, v.text = kindBool, fmt.Sprint(token)
	case json.Delim:
		if token == '[' {
			v.kind = kindList
			err = p.items(&v, depth)
		} else {
			v.kind = kindBlock
			err = p.members(&v, depth)
		}
	}
	return v, err
}

func (p *jsonParser) items(list *value, depth int) error {
	for p.dec.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		list.list = append(list.list, item)
	}
	_, err := p.dec.Token()
	return err
}

func (p *jsonParser) members(block *value, depth int) error {
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return err
		}
		f := field{name: token.(string), at: p.at()}
		if f.value, err = p.value(depth + 1); err != nil {
			return err
		}
		block.fields = append(block.fields, f)
	}
	_, err := p.dec.Token()
	return err
}
