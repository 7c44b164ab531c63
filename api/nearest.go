package api

import (
	"slices"
	"strings"
)

// nearestMax is how many names a person is offered instead of a wrong one.
const nearestMax = 3

// Nearest are up to three of names that a person most likely meant, best
// first. Names compare without case; a part of a name ("worker12" of
// "worker12.example.com") is near.
func Nearest(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	wanted := strings.ToLower(name)
	limit := 1 + len(wanted)/4
	if wanted == "" || len(wanted) > 128 { // no name is longer: do not compare
		return nil
	}
	for _, n := range names {
		lower := strings.ToLower(n)
		d := distance(wanted, lower)
		if short, _, dotted := strings.Cut(lower, "."); dotted {
			d = min(d, distance(wanted, short))
		}
		if len(wanted) > 2 && strings.Contains(lower, wanted) {
			d = min(d, 1)
		}
		if d <= limit {
			near = append(near, candidate{n, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	var out []string
	for _, c := range near[:min(len(near), nearestMax)] {
		out = append(out, c.name)
	}
	return out
}

// didYouMean is the sentence with the nearest names, or "".
func didYouMean(name string, names []string) string {
	if near := Nearest(name, names); len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return ""
}

// distance is how many letters to insert, remove, change or swap
// (Damerau-Levenshtein with neighbours).
func distance(a, b string) int {
	if len(b) > 128 {
		return len(b)
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
