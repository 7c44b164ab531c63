package api

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// marker begins the value of a comparison that go-bexpr's grammar does not
// know: Total > 5 is given to it as Total == "\x01>5". Compiling turns it back.
const marker = "\x01"

// rewritten is a filter in go-bexpr's grammar, and where its parts were.
type rewritten struct {
	expr  string // as it was written
	text  string
	moves []move
}

// move: what begins at to in the text began at from in the filter.
type move struct{ to, from int }

// rewrite replaces comparisons, outside of quotes, and points at what people
// write who know other languages.
func rewrite(expr string) (rewritten, error) {
	out := rewritten{expr: expr}
	var b strings.Builder
	for i := 0; i < len(expr); {
		switch c := expr[i]; c {
		case '"', '`':
			end, err := quoted(expr, i)
			if err != nil {
				return out, err
			}
			literal := expr[i:end]
			if strings.HasPrefix(literal, `"/`) && isValue(b.String(), expr[end:]) {
				literal = "`" + literal[1:len(literal)-1] + "`"
			}
			b.WriteString(literal)
			i = end
		case '<', '>':
			end, err := out.comparison(&b, i)
			if err != nil {
				return out, err
			}
			i = end
		default:
			if hint := foreign(expr, i); hint != "" {
				return out, pointAt(expr, i, "%s", hint)
			}
			if (c == '=' || c == '!') && strings.HasPrefix(expr[i+1:], "=") {
				b.WriteByte(c)
				i++
				c = expr[i]
			}
			b.WriteByte(c)
			i++
		}
	}
	out.text = b.String()
	return out, nil
}

// quoted is where the literal that begins at i ends. A double quote cannot be
// escaped in go-bexpr: the other kind of quote holds it.
func quoted(expr string, i int) (int, error) {
	length := strings.IndexByte(expr[i+1:], expr[i])
	if length < 0 {
		return 0, pointAt(expr, i, "this quote is never closed")
	}
	return i + length + 2, nil
}

// isValue says whether a literal between before and after is a value and not a
// selector. go-bexpr takes "/dc1/r12" for a JSON pointer, there too, and drops
// its first slash: racks need it. The other quotes keep it.
func isValue(before, after string) bool {
	before, words := strings.TrimRight(before, " \t\r\n"), strings.Fields(after)
	for _, operator := range []string{"==", "!=", "contains", "matches"} {
		if strings.HasSuffix(before, operator) {
			return true
		}
	}
	return len(words) > 0 && words[0] == "in" || len(words) > 1 && words[0] == "not" && words[1] == "in"
}

// comparison writes the operator at i and its value as an equality, and says
// where the value ends.
func (r *rewritten) comparison(b *strings.Builder, i int) (int, error) {
	operator := r.expr[i : i+1]
	if strings.HasPrefix(r.expr[i+1:], "=") {
		operator = r.expr[i : i+2]
	}
	at := i + len(operator)
	for at < len(r.expr) && strings.IndexByte(" \t\r\n", r.expr[at]) >= 0 {
		at++
	}
	end, quote := at, `"`
	value := ""
	switch {
	case at < len(r.expr) && (r.expr[at] == '"' || r.expr[at] == '`'):
		stop, err := quoted(r.expr, at)
		if err != nil {
			return 0, err
		}
		end, quote, value = stop, r.expr[at:at+1], r.expr[at+1:stop-1]
	default:
		for end < len(r.expr) && bareValue(r.expr[end]) {
			end++
		}
		value = r.expr[at:end]
	}
	if value == "" {
		return 0, pointAt(r.expr, at, "%s needs a value to its right, such as Facts.CPU.Threads %s 8", operator, operator)
	}
	b.WriteString(" == ")
	r.moves = append(r.moves, move{b.Len(), at})
	b.WriteString(quote + marker + operator + value + quote + " ")
	r.moves = append(r.moves, move{b.Len(), end})
	return end, nil
}

// bareValue are the letters of a value without quotes: 64000000000, -1.5,
// 64GiB, 2026-11-21T08:00:00Z.
func bareValue(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("+-.:_", c) >= 0
}

// foreign is what to write instead of what stands at i, or "".
func foreign(expr string, i int) string {
	rest := expr[i:]
	switch {
	case strings.HasPrefix(rest, "=="), strings.HasPrefix(rest, "!="):
		return ""
	case strings.HasPrefix(rest, "=~"):
		return `write matches instead of =~: rack matches "^r1"`
	case strings.HasPrefix(rest, "="):
		return `write == instead of =`
	case strings.HasPrefix(rest, "&&"):
		return "write and instead of &&"
	case strings.HasPrefix(rest, "||"):
		return "write or instead of ||"
	case strings.HasPrefix(rest, "'"):
		return `write double quotes instead of single ones`
	case strings.HasPrefix(rest, "!"):
		return "write not instead of !"
	case strings.HasPrefix(rest, marker):
		return "this is no character of a filter"
	}
	return ""
}

// Where go-bexpr's parser stopped: "1:15 (14): no match found, ...".
var parsePosition = regexp.MustCompile(`^\d+:\d+ \((\d+)\)(?:: rule [^:]*)?: (.*)`)

// parseError says in our words where the filter cannot be read.
func (r *rewritten) parseError(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if strings.Contains(first, "max number of expressions") {
		return Invalid("filter: too many parentheses within each other; take some away")
	}
	m := parsePosition.FindStringSubmatch(first)
	if m == nil {
		return Invalid("filter: %v", errors.New(first))
	}
	at, _ := strconv.Atoi(m[1]) // digits, by the pattern
	at = r.origin(at)
	what := m[2]
	switch {
	case !strings.HasPrefix(what, "no match found"):
		what = strings.ToLower(what)
	case at >= len(r.expr):
		what = `the filter ends too early; it has the form: rack == "r12" and Facts.CPU.Threads > 8`
	default:
		what = "this cannot be read here; operators are == != < <= > >= in, contains, matches, is empty, and, or, not"
	}
	return pointAt(r.expr, at, "%s", what)
}

// origin is where in the filter a place of the text was.
func (r *rewritten) origin(at int) int {
	from := at
	for _, m := range r.moves {
		if m.to > at {
			break
		}
		from = m.from + at - m.to
	}
	return from
}
