package config

import "strings"

// maxTypo is the longest name that is compared: no key is as long.
const maxTypo = 48

// nearest is the one of names that a person most likely meant, or "".
func nearest(name string, names []string) string {
	if len(name) > maxTypo {
		return ""
	}
	plain := fold(name)
	best, bestDistance := "", 1+len(plain)/4+min(1, len(plain)/3)
	for _, candidate := range names {
		if d := distance(plain, fold(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// fold makes node_name, NodeName and node-name the same.
func fold(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// distance is Levenshtein's: how many letters to insert, remove or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
