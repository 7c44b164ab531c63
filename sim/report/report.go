// Package report shows results to people and programs: as text for a terminal,
// as JSON, and as one HTML file with plots in it that needs nothing else, in
// light, dark and print. It knows tables and named series, not what they mean.
//
// It writes HTML by hand: html/template keeps the linker from dropping unused
// methods of the whole program, which costs an agent megabytes.
package report

import (
	"fmt"
	"math"
)

// Report is what a run has to show. The names of its fields in JSON do not
// change.
type Report struct {
	Title  string   `json:"title"`
	Notes  []string `json:"notes,omitempty"` // a paragraph each: what was run, with what, by which seed
	Tables []Table  `json:"tables,omitempty"`
	Plots  []Plot   `json:"plots,omitempty"`
}

// Table is rows of text under a head. Columns of numbers are aligned to the
// right.
type Table struct {
	Title string     `json:"title"`
	Head  []string   `json:"head"`
	Rows  [][]string `json:"rows"`
	Note  string     `json:"note,omitempty"`
}

// Plot is series over common axes.
type Plot struct {
	Title  string   `json:"title"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Series []Series `json:"series"`
	Note   string   `json:"note,omitempty"`
}

// Axis says what is along one side of a plot.
type Axis struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"` // "ms", "bytes/s"
	Log  bool   `json:"log,omitempty"`  // by powers of ten; what is not above 0 is not drawn
}

// Series is points in the order in which they are joined.
type Series struct {
	Name   string       `json:"name"`
	Points [][2]float64 `json:"points"` // x, y

	// Group is the same for series that belong together, as a model's and what
	// it was compared with: they share a colour, the first is drawn solid, the
	// next dashed.
	Group string `json:"group,omitempty"`

	Labels []string `json:"labels,omitempty"` // of the points, shown beside them where there is room

	Steps bool `json:"steps,omitempty"` // y stays until the next point
	Marks bool `json:"marks,omitempty"` // each point has a mark, which shows its numbers under the pointer
}

// seriesMax is how many lines a reader can tell apart: eight colours, three
// strokes.
const seriesMax = 24

// Check names the first thing that cannot be shown.
func (r Report) Check() error {
	for _, t := range r.Tables {
		for i, row := range t.Rows {
			if len(row) != len(t.Head) {
				return fmt.Errorf("report %q: table %q: row %d has %d cells, its head has %d", r.Title, t.Title, i+1, len(row), len(t.Head))
			}
		}
	}
	for _, p := range r.Plots {
		if len(p.Series) > seriesMax {
			return fmt.Errorf("report %q: plot %q: %d series, limit %d", r.Title, p.Title, len(p.Series), seriesMax)
		}
		for _, s := range p.Series {
			if len(s.Labels) > 0 && len(s.Labels) != len(s.Points) {
				return fmt.Errorf("report %q: plot %q: series %q: %d labels for %d points", r.Title, p.Title, s.Name, len(s.Labels), len(s.Points))
			}
			for i, point := range s.Points {
				if !finite(point[0]) || !finite(point[1]) {
					return fmt.Errorf("report %q: plot %q: series %q: point %d is %v", r.Title, p.Title, s.Name, i+1, point)
				}
			}
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
