package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	syntax "text/template/parse"

	"github.com/hashicorp/go-sockaddr"
)

// maxTemplate bounds a template; the longest in go-sockaddr's documentation has about 200 bytes.
const maxTemplate = 512

var errLanguage = errors.New("an address takes functions and pipes only: no range, if, variable or template")

// functions are those of go-sockaddr's templates
// (pkg.go.dev/github.com/hashicorp/go-sockaddr/template), under its names.
// That package itself is built on text/template, which calls methods by names
// that only the file knows: a program with it keeps every method of every type,
// and an agent 4 MB more of them in memory. Of that language an address needs
// functions and pipes, and the standard parser gives us these as a tree.
var functions = map[string]any{
	"GetAllInterfaces":     sockaddr.GetAllInterfaces,
	"GetDefaultInterfaces": sockaddr.GetDefaultInterfaces,
	"GetPrivateInterfaces": sockaddr.GetPrivateInterfaces,
	"GetPublicInterfaces":  sockaddr.GetPublicInterfaces,
	"GetPrivateIP":         sockaddr.GetPrivateIP,
	"GetPrivateIPs":        sockaddr.GetPrivateIPs,
	"GetPublicIP":          sockaddr.GetPublicIP,
	"GetPublicIPs":         sockaddr.GetPublicIPs,
	"GetInterfaceIP":       sockaddr.GetInterfaceIP,
	"GetInterfaceIPs":      sockaddr.GetInterfaceIPs,
	"include":              sockaddr.IncludeIfs,
	"exclude":              sockaddr.ExcludeIfs,
	"sort":                 sockaddr.SortIfBy,
	"unique":               sockaddr.UniqueIfAddrsBy,
	"limit":                func(n int, in sockaddr.IfAddrs) (sockaddr.IfAddrs, error) { return in[:min(n, len(in))], nil },
	"offset":               sockaddr.OffsetIfAddrs,
	"math":                 sockaddr.IfAddrsMath,
	"attr":                 sockaddr.IfAttrs,
	"join":                 sockaddr.JoinIfAddrs,
}

// expand evaluates templates. Text without one stays as it is.
func expand(s string) (string, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	if len(s) > maxTemplate {
		return "", fmt.Errorf("the template is %d bytes long, limit %d", len(s), maxTemplate)
	}
	trees, err := syntax.Parse("address", s, "", "", functions)
	if err != nil {
		return "", fmt.Errorf("read %q: %v", s, err)
	}
	if len(trees) != 1 {
		return "", fmt.Errorf("read %q: %w", s, errLanguage)
	}
	var out strings.Builder
	for _, n := range trees["address"].Root.Nodes {
		text, err := node(n)
		if err != nil {
			return "", fmt.Errorf("expand %q: %w", s, err)
		}
		out.WriteString(text)
	}
	if strings.TrimSpace(out.String()) == "" {
		return "", fmt.Errorf("%q finds no address on this host", s)
	}
	return out.String(), nil
}

// node is the text of one part of a template.
func node(n syntax.Node) (string, error) {
	switch n := n.(type) {
	case *syntax.TextNode:
		return string(n.Text), nil
	case *syntax.ActionNode:
		v, err := pipeline(n.Pipe)
		if err != nil {
			return "", err
		}
		if text, ok := v.(string); ok {
			return text, nil
		}
		return "", fmt.Errorf(`%s gives %s: end it with | attr "address" or | join "address" " "`, n, typeName(reflect.TypeOf(v)))
	}
	return "", errLanguage
}

// pipeline is what its last command gives. Each command takes what the one
// before it gave as its last argument.
func pipeline(p *syntax.PipeNode) (value any, err error) {
	if len(p.Decl) > 0 {
		return nil, errLanguage
	}
	var piped []any
	for _, c := range p.Cmds {
		if value, err = command(c, piped); err != nil {
			return nil, err
		}
		piped = []any{value}
	}
	return value, nil
}

func command(c *syntax.CommandNode, piped []any) (any, error) {
	name, ok := c.Args[0].(*syntax.IdentifierNode)
	if !ok {
		if len(c.Args)+len(piped) > 1 {
			return nil, fmt.Errorf("%s is no function", c.Args[0])
		}
		return operand(c.Args[0])
	}
	var args []any
	for _, a := range c.Args[1:] {
		v, err := operand(a)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return call(name.Ident, append(args, piped...))
}

// operand is an argument as it is written. The dot stands for all interfaces.
func operand(n syntax.Node) (any, error) {
	switch n := n.(type) {
	case *syntax.StringNode:
		return n.Text, nil
	case *syntax.NumberNode:
		if n.IsInt {
			return int(n.Int64), nil
		}
	case *syntax.DotNode:
		return sockaddr.GetAllInterfaces()
	case *syntax.IdentifierNode:
		return call(n.Ident, nil)
	case *syntax.PipeNode:
		return pipeline(n)
	}
	return nil, fmt.Errorf("%s is no argument", n)
}

// call calls a function; the parser has seen to it that there is one.
func call(name string, args []any) (result any, err error) {
	f := reflect.ValueOf(functions[name])
	if want := f.Type().NumIn(); len(args) != want {
		return nil, fmt.Errorf("%s takes %d arguments, not %d", name, want, len(args))
	}
	in := make([]reflect.Value, len(args))
	for i, a := range args {
		in[i] = reflect.ValueOf(a)
		if got, want := in[i].Type(), f.Type().In(i); got != want {
			return nil, fmt.Errorf("argument %d of %s is %s, want %s", i+1, name, typeName(got), typeName(want))
		}
	}
	defer func() { // go-sockaddr does not check every number
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", name, p)
		}
	}()
	out := f.Call(in)
	err, _ = out[1].Interface().(error)
	return out[0].Interface(), err
}

// typeName names what functions take and give.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Int:
		return "a number"
	}
	return "a list of interfaces"
}
