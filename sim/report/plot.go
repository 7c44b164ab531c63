package report

import (
	"fmt"
	"html"
	"strings"
)

// The plane of a plot, in pixels of its own; the page stretches it.
const (
	width, height        = 760.0, 400.0
	left, right          = 74.0, 744.0
	top, bottom          = 14.0, 346.0
	colours              = 8
	ticksAcross, ticksUp = 8, 5
)

// strokes tell series of one colour apart, also on paper.
var strokes = [3]string{"", "7 5", "2 4"}

// A look is how one series is drawn.
type look struct {
	colour int
	stroke int
}

// looks gives each group a colour, and each series in it a stroke.
func looks(series []Series) []look {
	all := make([]look, len(series))
	colour := make(map[string]int)
	members := make(map[string]int)
	next := 0
	for i, s := range series {
		if s.Group == "" {
			all[i] = look{next % colours, next / colours % len(strokes)}
			next++
			continue
		}
		if _, known := colour[s.Group]; !known {
			colour[s.Group] = next % colours
			next++
		}
		all[i] = look{colour[s.Group], members[s.Group] % len(strokes)}
		members[s.Group]++
	}
	return all
}

// svg draws a plot.
func (p Plot) svg(b *strings.Builder) {
	var xs, ys []float64
	for _, s := range p.Series {
		for _, point := range s.Points {
			if (point[0] > 0 || !p.X.Log) && (point[1] > 0 || !p.Y.Log) {
				xs, ys = append(xs, point[0]), append(ys, point[1])
			}
		}
	}
	x := newScale(p.X.Log, xs, left, right, ticksAcross)
	y := newScale(p.Y.Log, ys, bottom, top, ticksUp)
	fmt.Fprintf(b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n", width, height, html.EscapeString(p.Title))
	p.axes(b, x, y)
	if len(xs) == 0 {
		fmt.Fprintf(b, `<text class="axis" x="%g" y="%g" text-anchor="middle">nothing to show</text>`+"\n", (left+right)/2, (top+bottom)/2)
	}
	var texts labels
	for i, l := range looks(p.Series) {
		p.Series[i].draw(b, l, x, y, p, &texts)
	}
	b.WriteString("</svg>\n")
}

func (p Plot) axes(b *strings.Builder, x, y scale) {
	for _, v := range y.faintTicks {
		at, _ := y.at(v)
		fmt.Fprintf(b, `<line class="faint" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`+"\n", left, right, at, at)
	}
	for _, v := range x.faintTicks {
		at, _ := x.at(v)
		fmt.Fprintf(b, `<line class="faint" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`+"\n", at, at, top, bottom)
	}
	for _, v := range y.ticks {
		at, _ := y.at(v)
		fmt.Fprintf(b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, right, at, at, left-8, at+4, number(v))
	}
	for _, v := range x.ticks {
		at, _ := x.at(v)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`+"\n",
			at, at, top, bottom, at, bottom+18, number(v))
	}
	fmt.Fprintf(b, `<path class="frame" d="M%g %gV%gH%g"/>`+"\n", left, top, bottom, right)
	fmt.Fprintf(b, `<text class="axis" x="%g" y="%g" text-anchor="middle">%s</text>`+"\n", (left+right)/2, height-10, html.EscapeString(p.X.label()))
	fmt.Fprintf(b, `<text class="axis" transform="translate(16 %g) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+bottom)/2, html.EscapeString(p.Y.label()))
}

func (a Axis) label() string {
	if a.Unit == "" {
		return a.Name
	}
	return a.Name + ", " + a.Unit
}

// draw joins the points of a series. Points that fall on the pixel of the one
// before are left out.
func (s Series) draw(b *strings.Builder, l look, x, y scale, p Plot, texts *labels) {
	var path, marks strings.Builder
	lastX, lastY, drawn := 0.0, 0.0, false
	for i, point := range s.Points {
		px, okX := x.at(point[0])
		py, okY := y.at(point[1])
		if !okX || !okY {
			continue
		}
		switch {
		case !drawn && s.Steps && !y.log:
			base, _ := y.at(max(0, y.low))
			fmt.Fprintf(&path, "M%.1f %.1fV%.1f", px, base, py)
		case !drawn:
			fmt.Fprintf(&path, "M%.1f %.1f", px, py)
		case abs(px-lastX) < 0.3 && abs(py-lastY) < 0.3:
			continue
		case s.Steps:
			fmt.Fprintf(&path, "H%.1fV%.1f", px, py)
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", px, py)
		}
		lastX, lastY, drawn = px, py, true
		if len(s.Labels) > 0 {
			texts.put(&marks, px, py, s.Labels[i])
		}
		if s.Marks {
			fmt.Fprintf(&marks, `<circle class="c%d%s" cx="%.1f" cy="%.1f" r="4"><title>%s: %s %s, %s %s</title></circle>`+"\n",
				l.colour, hollow(l), px, py, html.EscapeString(s.Name), number(point[0]), html.EscapeString(p.X.Unit), number(point[1]), html.EscapeString(p.Y.Unit))
		}
	}
	if drawn {
		fmt.Fprintf(b, `<path class="line c%d"%s d="%s"><title>%s</title></path>`+"\n", l.colour, dash(l), path.String(), html.EscapeString(s.Name))
		b.WriteString(marks.String())
	}
}

func dash(l look) string {
	if strokes[l.stroke] == "" {
		return ""
	}
	return ` stroke-dasharray="` + strokes[l.stroke] + `"`
}

// hollow tells the marks of two series of one colour apart.
func hollow(l look) string {
	if l.stroke == 1 {
		return " hollow"
	}
	return ""
}

func abs(x float64) float64 { return max(x, -x) }
