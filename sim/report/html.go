package report

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// HTML writes the report as one page that loads nothing.
func (r Report) HTML(w io.Writer) error {
	if err := r.Check(); err != nil {
		return err
	}
	var b strings.Builder
	title := html.EscapeString(r.Title)
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>\n%s</style>\n<h1>%s</h1>\n", title, style, title)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(note))
	}
	for _, t := range r.Tables {
		t.html(&b)
	}
	for _, p := range r.Plots {
		p.html(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Table) html(b *strings.Builder) {
	fmt.Fprintf(b, "<section>\n<h2>%s</h2>\n<div class=\"wide\"><table>\n<tr>", html.EscapeString(t.Title))
	class := make([]string, len(t.Head))
	for i, cell := range t.Head {
		if numbers(t, i) {
			class[i] = ` class="number"`
		}
		fmt.Fprintf(b, "<th%s>%s", class[i], html.EscapeString(cell))
	}
	b.WriteString("\n")
	for _, row := range t.Rows {
		b.WriteString("<tr>")
		for i, cell := range row {
			fmt.Fprintf(b, "<td%s>%s", class[i], html.EscapeString(cell))
		}
		b.WriteString("\n")
	}
	b.WriteString("</table></div>\n")
	note(b, t.Note)
	b.WriteString("</section>\n")
}

func (p Plot) html(b *strings.Builder) {
	fmt.Fprintf(b, "<section>\n<h2>%s</h2>\n", html.EscapeString(p.Title))
	if len(p.Series) > 1 {
		b.WriteString("<ul class=\"legend\">\n")
		for i, l := range looks(p.Series) {
			sign := fmt.Sprintf(`<path class="line c%d"%s d="M1 5H27"/>`, l.colour, dash(l))
			if s := p.Series[i]; s.Marks && len(s.Points) == 1 {
				sign = fmt.Sprintf(`<circle class="c%d%s" cx="14" cy="5" r="4"/>`, l.colour, hollow(l))
			}
			fmt.Fprintf(b, `<li><svg viewBox="0 0 28 10" aria-hidden="true">%s</svg>%s`+"\n", sign, html.EscapeString(p.Series[i].Name))
		}
		b.WriteString("</ul>\n")
	}
	p.svg(b)
	note(b, p.Note)
	b.WriteString("</section>\n")
}

func note(b *strings.Builder, text string) {
	if text != "" {
		fmt.Fprintf(b, "<p class=\"note\">%s</p>\n", html.EscapeString(text))
	}
}

// style is the look of a page. The eight colours are told apart with the common
// kinds of colour blindness too, and each has three to one against its ground.
const style = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #57606a; --grid: #d8dde3; --faint: #eef0f3;
  --c0: #0a6fb8; --c1: #cf5200; --c2: #0b8a62; --c3: #b8458f; --c4: #6b55c4; --c5: #8a6d00; --c6: #b3262e; --c7: #4f5b66; }
@media screen and (prefers-color-scheme: dark) {
:root { --ground: #14171b; --ink: #e8eaed; --soft: #a2abb5; --grid: #333a42; --faint: #22272d;
  --c0: #5ab0ee; --c1: #ff9652; --c2: #3fc797; --c3: #ee8cc8; --c4: #a997f5; --c5: #d8b945; --c6: #ff7b7b; --c7: #aab4be; } }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } .number { text-align: right; }
.note { color: var(--soft); font-size: .9rem; margin: .4rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0 0 .3rem; padding: 0; font-size: .9rem; }
.legend svg { width: 28px; height: 10px; margin-right: .4rem; vertical-align: middle; }
section > svg { width: 100%; height: auto; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.grid { stroke: var(--grid); } .faint { stroke: var(--faint); } .frame { fill: none; stroke: var(--soft); }
.tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; } .axis { fill: var(--ink); font-size: 13px; }
circle { stroke: var(--ground); stroke-width: 1.5; }
` + ".line.c0{stroke:var(--c0)}.line.c1{stroke:var(--c1)}.line.c2{stroke:var(--c2)}.line.c3{stroke:var(--c3)}.line.c4{stroke:var(--c4)}.line.c5{stroke:var(--c5)}.line.c6{stroke:var(--c6)}.line.c7{stroke:var(--c7)}\n" +
	"circle.c0{fill:var(--c0)}circle.c1{fill:var(--c1)}circle.c2{fill:var(--c2)}circle.c3{fill:var(--c3)}circle.c4{fill:var(--c4)}circle.c5{fill:var(--c5)}circle.c6{fill:var(--c6)}circle.c7{fill:var(--c7)}\n" +
	"circle.hollow{fill:var(--ground);stroke-width:2}circle.hollow.c0{stroke:var(--c0)}circle.hollow.c1{stroke:var(--c1)}circle.hollow.c2{stroke:var(--c2)}circle.hollow.c3{stroke:var(--c3)}circle.hollow.c4{stroke:var(--c4)}circle.hollow.c5{stroke:var(--c5)}circle.hollow.c6{stroke:var(--c6)}circle.hollow.c7{stroke:var(--c7)}\n" +
	"@media print { body { max-width: none; margin: 0; } section { break-inside: avoid; } .wide { overflow: visible; } }\n"
