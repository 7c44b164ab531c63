package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// JSON writes the whole report, points and all.
func (r Report) JSON(w io.Writer) error {
	if err := r.Check(); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// Text writes the notes and the tables for a terminal. Plots are for HTML.
func (r Report) Text(w io.Writer) error {
	if err := r.Check(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Title)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		widths := numberWidths(t)
		line(table, t.Head, widths)
		for _, row := range t.Rows {
			line(table, row, widths)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if t.Note != "" {
			fmt.Fprintf(&b, "%s\n", t.Note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func line(w io.Writer, cells []string, widths []int) {
	for i, cell := range cells {
		if i > 0 {
			io.WriteString(w, "\t")
		}
		clean := strings.NewReplacer("\t", " ", "\n", " ", "\v", " ", "\f", " ").Replace(cell)
		fmt.Fprintf(w, "%*s", widths[i], clean)
	}
	io.WriteString(w, "\n")
}

// numberWidths are the widths of columns that hold numbers, and 0 for others.
func numberWidths(t Table) []int {
	widths := make([]int, len(t.Head))
	for i := range t.Head {
		if !numbers(t, i) {
			continue
		}
		widths[i] = utf8.RuneCountInString(t.Head[i])
		for _, row := range t.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	return widths
}

// numbers says whether a column holds numbers: each cell is one, perhaps with a
// unit, or says that there is none.
func numbers(t Table, column int) bool {
	for _, row := range t.Rows {
		first, unit, _ := strings.Cut(row[column], " ")
		if strings.Contains(unit, " ") {
			return false
		}
		first = strings.TrimRight(strings.ReplaceAll(first, ",", ""), "%")
		if _, err := strconv.ParseFloat(first, 64); err != nil && first != "-" && first != "" && first != "never" {
			return false
		}
	}
	return len(t.Rows) > 0
}
