package jobs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Candidate is a node that a job could be for, as the mesh knows it.
type Candidate struct {
	Name       string
	Origin     Origin
	Datacenter string
	Rack       string
	Tags       map[string]string
	Services   []string // names of its instances' services
	Alive      bool
}

// A Selection names hosts. Every part that is given must fit.
type Selection struct {
	Names    []string // names, globs (* ?) and host sets (dn[001-120]), each may be a list with commas; empty: all, if another part is given
	Exclude  []string // likewise
	Tags     []string // "role=datanode", or "role" with any value; all must fit, the value may be a glob
	Services []string // one of them must run there
	DCs      []string // one of them
	Racks    []string // one of them, or a glob
	Filter   func(Candidate) bool
	Limit    int // at most so many, by name; 0: all

	// Nearest gives the names that a person most likely meant.
	Nearest func(name string, names []string) []string
}

// Select is the hosts that a selection names, sorted by name. A name, a tag or a
// service that nobody has is an error, with the nearest right ones: a job that
// misses hosts because of a slip is worse than one that does not start.
func (s Selection) Select(hosts []Candidate) ([]Candidate, error) {
	if s.empty() {
		return nil, errors.New(`select targets: none named; "*" is all`)
	}
	names, err := s.matcher(s.Names, hosts)
	if err != nil {
		return nil, err
	}
	without, err := s.matcher(s.Exclude, hosts)
	if err != nil {
		return nil, err
	}
	if err := s.known(hosts); err != nil {
		return nil, err
	}
	var found []Candidate
	for _, h := range hosts {
		if (len(s.Names) == 0 || names(h.Name)) && !without(h.Name) && s.fits(h) {
			found = append(found, h)
		}
	}
	slices.SortStableFunc(found, func(a, b Candidate) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(found); i++ {
		if found[i].Name == found[i-1].Name {
			return nil, fmt.Errorf("select targets: two nodes are named %s (%s, %s); name neither", found[i].Name, found[i-1].Origin, found[i].Origin)
		}
	}
	if s.Limit < 0 {
		return nil, fmt.Errorf("select targets: limit %d", s.Limit)
	}
	if s.Limit > 0 && len(found) > s.Limit {
		found = found[:s.Limit]
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("select targets: none of %d nodes fits", len(hosts))
	}
	if len(found) > TargetsMax {
		return nil, fmt.Errorf("select targets: %d, limit %d", len(found), TargetsMax)
	}
	return found, nil
}

func (s Selection) empty() bool {
	return len(s.Names) == 0 && len(s.Tags) == 0 && len(s.Services) == 0 && len(s.DCs) == 0 && len(s.Racks) == 0 && s.Filter == nil
}

func (s Selection) fits(h Candidate) bool {
	for _, tag := range s.Tags {
		key, want, valued := strings.Cut(tag, "=")
		value, ok := h.Tags[key]
		if !ok || valued && !matchPattern(want, value) {
			return false
		}
	}
	return (len(s.Services) == 0 || slices.ContainsFunc(s.Services, func(n string) bool { return slices.Contains(h.Services, n) })) &&
		(len(s.DCs) == 0 || slices.Contains(s.DCs, h.Datacenter)) &&
		(len(s.Racks) == 0 || matchAny(s.Racks, h.Rack)) &&
		(s.Filter == nil || s.Filter(h))
}

// matcher makes the test for a list of names, globs and sets. Names compare
// without case, as in DNS.
func (s Selection) matcher(lists []string, hosts []Candidate) (func(string) bool, error) {
	here := make(map[string]bool, len(hosts))
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.Name
		here[strings.ToLower(h.Name)] = true
	}
	exact := make(map[string]bool)
	var globs, unknown []string
	for _, list := range lists {
		sets, err := splitSets(list)
		if err != nil {
			return nil, err
		}
		for _, set := range sets {
			names, err := expand(strings.ToLower(set))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				switch {
				case strings.ContainsAny(name, "*?"):
					globs = append(globs, name)
					if !slices.ContainsFunc(all, func(n string) bool { return matchPattern(name, strings.ToLower(n)) }) {
						unknown = append(unknown, name)
					}
				case here[name]:
					exact[name] = true
				default:
					unknown = append(unknown, name)
				}
			}
		}
	}
	if len(unknown) > 0 {
		return nil, s.unknown("node", unknown, all)
	}
	return func(name string) bool {
		name = strings.ToLower(name)
		return exact[name] || matchAny(globs, name)
	}, nil
}

// known refuses tags, services, data centres and racks that no host has.
func (s Selection) known(hosts []Candidate) error {
	tags, services, dcs, racks := make(map[string]bool), make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, h := range hosts {
		dcs[h.Datacenter], racks[h.Rack] = true, true
		for k, v := range h.Tags {
			tags[k], tags[k+"="+v] = true, true
		}
		for _, name := range h.Services {
			services[name] = true
		}
	}
	for _, part := range []struct {
		kind   string
		wanted []string
		have   map[string]bool
	}{{"tag", s.Tags, tags}, {"service", s.Services, services}, {"data centre", s.DCs, dcs}, {"rack", s.Racks, racks}} {
		var have []string
		for name := range part.have {
			have = append(have, name)
		}
		slices.Sort(have)
		for _, name := range part.wanted {
			if !slices.ContainsFunc(have, func(h string) bool { return matchPattern(name, h) }) {
				return s.unknown(part.kind, []string{name}, have)
			}
		}
	}
	return nil
}

func (s Selection) unknown(kind string, unknown, have []string) error {
	const shown = 10
	slices.Sort(unknown)
	text := Fold(unknown)
	if len(unknown) > shown && len(text) > 200 {
		text = fmt.Sprintf("%s and %d more", Fold(unknown[:shown]), len(unknown)-shown)
	}
	hint := ""
	if s.Nearest != nil {
		if near := s.Nearest(unknown[0], have); len(near) > 0 {
			hint = "; did you mean " + strings.Join(near, ", ") + "?"
		}
	}
	return fmt.Errorf("select targets: no %s %s%s", kind, text, hint)
}

// ReadNames reads names from a list such as standard input: one or more a
// line, with blanks or commas between them; # begins a comment.
func ReadNames(r io.Reader) ([]string, error) {
	var names []string
	lines := bufio.NewScanner(io.LimitReader(r, expressionMax+1))
	size := 0
	for lines.Scan() {
		size += len(lines.Bytes()) + 1
		line, _, _ := strings.Cut(lines.Text(), "#")
		names = append(names, strings.Fields(line)...)
	}
	if size > expressionMax {
		return nil, fmt.Errorf("read list of hosts: more than %d bytes", expressionMax)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read list of hosts: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("read list of hosts: it is empty")
	}
	return names, nil
}
