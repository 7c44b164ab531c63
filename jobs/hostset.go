package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Host sets are names with sets of numbers in brackets, as ClusterShell and
// pdsh write them: dn[001-120], rack1-[1-3,7], r[1-2]n[01-24].example.com.

const (
	// setMax bounds what one set stands for.
	setMax = TargetsMax
	// digitsMax bounds a number in a set.
	digitsMax = 9
)

// expand is all names of a set, in the order of its numbers. A pattern without
// brackets is itself; * and ? stay.
func expand(set string) ([]string, error) {
	names := []string{""}
	for rest := set; rest != ""; {
		before, bracket, found := strings.Cut(rest, "[")
		if strings.Contains(before, "]") {
			return nil, fmt.Errorf("read host set %.80q: ] without [", set)
		}
		inside, after, closed := strings.Cut(bracket, "]")
		if found && !closed {
			return nil, fmt.Errorf("read host set %.80q: [ without ]", set)
		}
		numbers := []string{""}
		if found {
			var err error
			if numbers, err = expandNumbers(inside); err != nil {
				return nil, fmt.Errorf("read host set %.80q: %w", set, err)
			}
		}
		if len(names)*len(numbers) > setMax {
			return nil, fmt.Errorf("read host set %.80q: more than %d names, the limit", set, setMax)
		}
		if len(names[0])+len(before)+len(numbers[len(numbers)-1]) > nameMax {
			return nil, fmt.Errorf("read host set %.80q: names of more than %d bytes", set, nameMax)
		}
		longer := make([]string, 0, len(names)*len(numbers))
		for _, name := range names {
			for _, number := range numbers {
				longer = append(longer, name+before+number)
			}
		}
		names, rest = longer, after
	}
	return names, nil
}

// expandNumbers reads 001-120,7,9.
func expandNumbers(list string) ([]string, error) {
	var all []string
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, err := parseNumber(from)
		if err != nil {
			return nil, err
		}
		high, err := parseNumber(to)
		if err != nil {
			return nil, err
		}
		width := 0
		if padded(from) || padded(to) {
			width = len(from)
			if len(from) != len(to) {
				return nil, fmt.Errorf("%q: with leading zeros both ends have as many digits", part)
			}
		}
		if low > high {
			return nil, fmt.Errorf("%q goes backwards", part)
		}
		if high-low >= setMax || len(all)+high-low >= setMax {
			return nil, fmt.Errorf("%q: more than %d names, the limit", part, setMax)
		}
		for n := low; n <= high; n++ {
			all = append(all, fmt.Sprintf("%0*d", width, n))
		}
	}
	return all, nil
}

func parseNumber(text string) (int, error) {
	if text == "" || len(text) > digitsMax || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%.20q is not a number; a set is written dn[001-120,130]", text)
	}
	return strconv.Atoi(text)
}

func padded(number string) bool { return len(number) > 1 && number[0] == '0' }

// splitSets cuts a list at its commas, but not at those in brackets.
func splitSets(list string) ([]string, error) {
	if len(list) > expressionMax {
		return nil, fmt.Errorf("read host set: %d bytes, limit %d", len(list), expressionMax)
	}
	var sets []string
	depth, start := 0, 0
	for i, c := range []byte(list + ",") {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth <= 0 || i == len(list):
			sets = append(sets, list[start:i])
			start = i + 1
		}
	}
	sets = slices.DeleteFunc(sets, func(s string) bool { return s == "" })
	if len(sets) == 0 && list != "" {
		return nil, errors.New("read host set: nothing between the commas")
	}
	return sets, nil
}

// Fold writes names as few sets, each name in exactly one. It folds the one
// number of a name that joins most names, of those the last, and keeps zeros.
// expand gives the names back.
func Fold(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	shapes := make(map[shape][]string)
	for _, name := range names {
		for _, s := range shapesOf(name) {
			shapes[s] = append(shapes[s], name)
		}
	}
	best := make(map[string]shape, len(names))
	for _, name := range names {
		for _, s := range shapesOf(name) {
			if b, ok := best[name]; !ok || len(shapes[s]) > len(shapes[b]) || len(shapes[s]) == len(shapes[b]) && len(s.before) > len(b.before) {
				best[name] = s
			}
		}
	}
	folded := make(map[shape][]string) // the numbers, as they are written
	var order []string
	first := make(map[string]shape)
	for _, name := range names {
		s, ok := best[name]
		if !ok {
			order = append(order, name)
			continue
		}
		if len(folded[s]) == 0 {
			order = append(order, name)
			first[name] = s
		}
		folded[s] = append(folded[s], name[len(s.before):len(name)-len(s.after)])
	}
	for i, name := range order {
		if s, ok := first[name]; ok {
			order[i] = s.before + foldNumbers(folded[s]) + s.after
		}
	}
	return strings.Join(order, ",")
}

// A shape is a name around one of its numbers.
type shape struct{ before, after string }

func shapesOf(name string) []shape {
	if strings.ContainsAny(name, "[],") {
		return nil // not a name of a host
	}
	var shapes []shape
	for end := len(name); end > 0; {
		if !isDigit(name[end-1]) {
			end--
			continue
		}
		start := end
		for start > 0 && isDigit(name[start-1]) {
			start--
		}
		if end-start <= digitsMax {
			shapes = append(shapes, shape{name[:start], name[end:]})
		}
		end = start
	}
	return shapes
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// foldNumbers writes numbers as ranges, in brackets unless it is one number.
func foldNumbers(numbers []string) string {
	if len(numbers) == 1 {
		return numbers[0]
	}
	zeros := make(map[int]bool) // the widths in which there are leading zeros
	for _, n := range numbers {
		if padded(n) {
			zeros[len(n)] = true
		}
	}
	width := func(n string) int {
		if zeros[len(n)] {
			return len(n)
		}
		return 0
	}
	value := func(n string) int { v, _ := strconv.Atoi(n); return v }
	slices.SortFunc(numbers, func(a, b string) int {
		return cmp.Or(cmp.Compare(width(a), width(b)), cmp.Compare(value(a), value(b)))
	})
	var parts []string
	for i := 0; i < len(numbers); {
		j := i + 1
		for j < len(numbers) && width(numbers[j]) == width(numbers[i]) && value(numbers[j]) == value(numbers[j-1])+1 {
			j++
		}
		part := numbers[i]
		if j > i+1 {
			part += "-" + numbers[j-1]
		}
		parts = append(parts, part)
		i = j
	}
	return "[" + strings.Join(parts, ",") + "]"
}
