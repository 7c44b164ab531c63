package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/scanner"
	"github.com/hashicorp/hcl/hcl/token"
)

// parseHCL reads with HCL version 1, the language of Consul's files.
func parseHCL(name string, src []byte) (v value, err error) {
	tree := hclTree{name: name}
	defer func() { // a token panics over an escape that is none, such as "\777"
		if p := recover(); p != nil {
			err = Problem{File: name, Line: tree.line, What: "parse HCL: " + shorten(fmt.Sprint(p))}.err()
		}
	}()
	if line := tooDeep(src); line > 0 {
		what := fmt.Sprintf("more than %d blocks and lists inside each other", maxDepth)
		return value{}, Problem{File: name, Line: line, What: "parse HCL: " + what}.err()
	}
	file, err := parser.Parse(src)
	if err != nil {
		problem := Problem{File: name, What: "parse HCL: " + plainSyntax(err.Error())}
		var at *parser.PosError
		if errors.As(err, &at) {
			problem.Line, problem.What = at.Pos.Line, "parse HCL: "+plainSyntax(at.Err.Error())
		}
		if at != nil && strings.HasPrefix(at.Err.Error(), "Unknown token") && strings.Contains(err.Error(), "IDENT") {
			problem.Hint = "strings go in quotes"
		}
		return value{}, problem.err()
	}
	root, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return value{}, Problem{File: name, What: "parse HCL: no keys"}.err()
	}
	return value{at: position{name, 1}, kind: kindBlock, fields: tree.fields(root)}, nil
}

// plainSyntax puts what is written in the place of the parser's token names.
func plainSyntax(message string) string {
	return shorten(strings.NewReplacer("RBRACE", `"}"`, "LBRACE", `"{"`, "RBRACK", `"]"`, "LBRACK", `"["`, "ASSIGN", `"="`,
		"COMMA", `","`, "IDENT", "a word", "STRING", "a string", "NUMBER", "a number", "BOOL", "a boolean",
		"EOF", "the end of the file", "Unknown token", "unexpected").Replace(message))
}

// tooDeep finds the line where nesting passes the limit, before the parser,
// which recurses without one. 0: nowhere.
func tooDeep(src []byte) int {
	s := scanner.New(src)
	s.Error = func(token.Pos, string) {} // the parser will say
	for depth := 0; ; {
		switch t := s.Scan(); t.Type {
		case token.EOF:
			return 0
		case token.LBRACE, token.LBRACK:
			if depth++; depth > maxDepth {
				return t.Pos.Line
			}
		case token.RBRACE, token.RBRACK:
			depth--
		}
	}
}

// hclTree turns the parser's tree into values.
type hclTree struct {
	name string
	line int // where it is
}

func (h *hclTree) fields(list *ast.ObjectList) []field {
	fields := make([]field, 0, len(list.Items))
	for _, item := range list.Items {
		v := h.value(item.Val)
		// foo "bar" {...} is foo = { bar = {...} }.
		for i := len(item.Keys) - 1; i > 0; i-- {
			label := h.field(item.Keys[i], v)
			label.label = true
			v = value{at: label.at, kind: kindBlock, fields: []field{label}}
		}
		fields = append(fields, h.field(item.Keys[0], v))
	}
	return fields
}

func (h *hclTree) field(key *ast.ObjectKey, v value) field {
	return field{name: h.text(key.Token), at: position{h.name, key.Token.Pos.Line}, value: v}
}

func (h *hclTree) text(t token.Token) string {
	h.line = t.Pos.Line
	s, _ := t.Value().(string)
	return s
}

func (h *hclTree) value(node ast.Node) value {
	v := value{at: position{h.name, node.Pos().Line}}
	switch node := node.(type) {
	case *ast.ObjectType:
		v.kind, v.fields = kindBlock, h.fields(node.List)
	case *ast.ListType:
		v.kind = kindList
		for _, item := range node.List {
			v.list = append(v.list, h.value(item))
		}
	case *ast.LiteralType:
		switch node.Token.Type {
		case token.NUMBER, token.FLOAT:
			v.kind, v.text = kindNumber, node.Token.Text
		case token.BOOL:
			v.kind, v.text = kindBool, node.Token.Text
		case token.STRING, token.HEREDOC:
			v.kind, v.text = kindText, h.text(node.Token)
		}
	}
	return v
}
