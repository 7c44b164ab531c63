package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

func (s *shell) hosts() *cobra.Command {
	var write string
	c := s.selecting(s.asking(&cobra.Command{
		Use: "hosts", Short: "print /etc/hosts lines, or keep them up to date in a file", Args: atMost(0),
		Long: "hosts prints one line per host: address, full name, short name. With --write FILE it keeps\n" +
			"them in a block of that file, between two lines that it adds, and touches nothing else.\n" +
			"A host keeps its line while it is failed; the line goes when the host has left or is\n" +
			"forgotten. The file is replaced as a whole or not at all.",
		Example: "  yodel hosts --write /etc/hosts",
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			nodes, err := c.Nodes(ctx, s.selection)
			if err != nil {
				return err
			}
			lines := hostLines(nodes)
			if write != "" {
				return s.writeHosts(write, lines)
			}
			if done, err := s.emit(lines); done {
				return err
			}
			for _, l := range lines {
				s.say("%s", l)
			}
			return nil
		}),
	}))
	c.Flags().StringVar(&write, "write", "", "keep the lines in a block of this file, such as /etc/hosts")
	excluding(c, "write", "json")
	return c
}

// hostLine is one line of hosts(5).
type hostLine struct {
	Address string
	Names   []string // the full name first: it is the canonical one
}

func (l hostLine) String() string { return l.Address + "\t" + strings.Join(l.Names, " ") }

// hostLines are the lines of all nodes that have not left, by name. A short
// name that two hosts have is given to neither.
func hostLines(nodes []*catalog.Node) []hostLine {
	short := make(map[string]int)
	for _, n := range nodes {
		first, _, _ := strings.Cut(strings.ToLower(n.Name), ".")
		short[first]++
	}
	lines := []hostLine{}
	for _, n := range nodes {
		a, err := netip.ParseAddr(n.Address)
		if err != nil || n.Status == catalog.Left {
			continue
		}
		var names []string
		first, _, _ := strings.Cut(strings.ToLower(n.Name), ".")
		candidates := []string{n.FQDN, n.Name}
		if strings.Contains(n.Name, ".") {
			candidates = []string{n.Name, n.FQDN}
		}
		if short[first] == 1 {
			candidates = append(candidates, first)
		}
		for _, name := range candidates {
			name = strings.TrimSuffix(strings.ToLower(name), ".")
			if validHostName(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			lines = append(lines, hostLine{a.String(), names})
		}
	}
	return lines
}

// validHostName keeps what a member says of itself from becoming a line of its
// own, or localhost.
func validHostName(s string) bool {
	if s == "" || len(s) > 253 || s == "localhost" || strings.HasPrefix(s, "localhost.") {
		return false
	}
	for _, r := range s {
		if r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}

// The fence of our block. What is between them is ours, and only that.
const (
	fenceBegin = "# BEGIN yodel"
	fenceEnd   = "# END yodel"
	fenceNote  = ": kept by yodel hosts --write, changes in here are lost"
)

// fenced puts lines into the block of a file and leaves the rest as it is, to
// the byte. A file without a block gets one at its end.
func fenced(file, text string, lines []hostLine) (string, error) {
	var before, after strings.Builder
	begin, end := 0, 0
	number := 0
	for line := range strings.Lines(text) {
		number++
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, fenceBegin):
			if begin > 0 {
				return "", fmt.Errorf("%s:%d: a second %q; the first is on line %d: remove one block by hand", file, number, fenceBegin, begin)
			}
			begin = number
		case strings.HasPrefix(trimmed, fenceEnd):
			if begin == 0 || end > 0 {
				return "", fmt.Errorf("%s:%d: %q without a %q before it: remove the line by hand", file, number, fenceEnd, fenceBegin)
			}
			end = number
		case begin == 0:
			before.WriteString(line)
		case end > 0:
			after.WriteString(line)
		}
	}
	if begin > 0 && end == 0 {
		return "", fmt.Errorf("%s:%d: %q without a %q after it: add that line by hand where the block ends", file, begin, fenceBegin, fenceEnd)
	}
	if begin == 0 && text != "" && !strings.HasSuffix(text, "\n") {
		before.WriteByte('\n')
	}
	before.WriteString(fenceBegin + fenceNote + "\n")
	for _, l := range lines {
		before.WriteString(l.String() + "\n")
	}
	before.WriteString(fenceEnd + "\n")
	return before.String() + after.String(), nil
}

// strangers are names that the file gives another address outside of our
// block, which may win over ours.
func strangers(text string, lines []hostLine) []string {
	ours := make(map[string]string)
	for _, l := range lines {
		for _, name := range l.Names {
			ours[name] = l.Address
		}
	}
	var found []string
	inside := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "# ") {
			inside = strings.HasPrefix(strings.TrimSpace(line), fenceBegin) || inside && !strings.HasPrefix(strings.TrimSpace(line), fenceEnd)
		}
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if inside || len(f) < 2 {
			continue
		}
		for _, name := range f[1:] {
			if a, ok := ours[strings.ToLower(name)]; ok && a != f[0] {
				found = append(found, fmt.Sprintf("%s is %s in a line of its own, and %s in the mesh", name, f[0], a))
			}
		}
	}
	return found
}
