package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/yodel-mesh/yodel/catalog"
)

// table is rows of text in columns as wide as they need.
type table struct {
	shell *shell
	rows  [][]cell
}

// cell is a text and how it is coloured on a terminal.
type cell struct{ text, colour string }

// The colours of ECMA-48.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
	grey   = "90"
	bold   = "1"
)

func (s *shell) table(head ...string) *table {
	t := &table{shell: s}
	row := make([]cell, len(head))
	for i, h := range head {
		row[i] = cell{h, bold}
	}
	t.rows = append(t.rows, row)
	return t
}

// add takes texts and cells. Foreign text is made fit for a terminal.
func (t *table) add(values ...any) {
	row := make([]cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case cell:
			row[i] = cell{printable(v.text), v.colour}
		default:
			row[i] = cell{text: printable(fmt.Sprint(v))}
		}
	}
	t.rows = append(t.rows, row)
}

// print writes the table; nothing trails a line.
func (t *table) print() error {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		last := len(row) - 1
		for last > 0 && row[last].text == "" {
			last--
		}
		for i, c := range row[:last+1] {
			b.WriteString(t.shell.colour(c))
			if i < last {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(t.shell.env.Out, b.String())
	return err
}

// colour is a cell for the terminal: in colour unless NO_COLOR (no-color.org)
// is set.
func (s *shell) colour(c cell) string {
	if c.colour == "" || c.text == "" || !s.env.Terminal || s.env.Getenv("NO_COLOR") != "" {
		return c.text
	}
	return "\x1b[" + c.colour + "m" + c.text + "\x1b[0m"
}

// printable keeps foreign text from steering the terminal, and in one line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// statusCell is a member's status and, of one that is gone, since when.
func statusCell(n *catalog.Node, now time.Time) cell {
	text := string(n.Status)
	if !n.Status.Here() && !n.LastSeen.IsZero() {
		text += " (seen " + ago(n.LastSeen, now) + " ago)"
	}
	return cell{text, statusColour(n.Status)}
}

func statusColour(s catalog.Status) string {
	switch s {
	case catalog.Alive:
		return green
	case catalog.Leaving:
		return yellow
	case catalog.Left:
		return grey
	}
	return red
}

func healthCell(h catalog.Health) cell {
	switch h {
	case catalog.Passing:
		return cell{string(h), green}
	case catalog.Warning:
		return cell{string(h), yellow}
	}
	return cell{string(h), red}
}

// ago is a time span for people: its largest unit.
func ago(t, now time.Time) string {
	switch d := max(0, now.Sub(t)); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// size is bytes for people, in units of 1,000 as disks are sold.
func size(bytes uint64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	f, unit := float64(bytes), -1
	for f >= 999.5 && unit < 4 {
		f /= 1000
		unit++
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f %cB", f, "kMGTP"[unit])
	}
	return fmt.Sprintf("%.0f %cB", f, "kMGTP"[unit])
}

// pairs are tags or meta as "k=v k=v", sorted by key.
func pairs(m map[string]string) string {
	var out []string
	for _, k := range keys(m) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, " ")
}
