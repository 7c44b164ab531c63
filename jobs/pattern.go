package jobs

import "strings"

// matchPattern is true when * (any text) and ? (any one byte) in pattern can
// make it text: PATTERNS of ssh_config(5).
func matchPattern(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0 // the last *, and where what it stands for ends
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0: // let it stand for one byte more
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchList is true when a pattern of a comma-separated list matches and none
// that begins with ! does.
func matchList(list, text string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		if not, ok := strings.CutPrefix(pattern, "!"); ok {
			if matchPattern(not, text) {
				return false
			}
		} else {
			found = found || matchPattern(pattern, text)
		}
	}
	return found
}

// matchAny is true when one of the patterns matches.
func matchAny(patterns []string, text string) bool {
	for _, p := range patterns {
		if matchPattern(p, text) {
			return true
		}
	}
	return false
}
