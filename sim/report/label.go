package report

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// labels are the texts beside points of one plot, none over another.
type labels struct{ taken []box }

type box struct{ left, top, right, bottom float64 }

func (a box) over(b box) bool {
	return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

// put writes a text on the side of a point where there is room, or leaves it
// out: the legend and the pointer tell it too.
func (l *labels) put(b *strings.Builder, x, y float64, text string) {
	const letter, line, gap = 6.6, 13.0, 8.0
	long := letter * float64(utf8.RuneCountInString(text))
	for _, side := range []struct {
		anchor string
		dx, dy float64
	}{{"start", gap, 4}, {"end", -gap, 4}, {"start", gap, -9}, {"end", -gap, -9}, {"start", gap, 17}, {"end", -gap, 17}} {
		at := box{x + side.dx, y + side.dy - line + 3, x + side.dx + long, y + side.dy + 3}
		if side.anchor == "end" {
			at.left, at.right = x+side.dx-long, x+side.dx
		}
		if at.left < left || at.right > right || at.top < top || at.bottom > bottom || l.covers(at) {
			continue
		}
		l.taken = append(l.taken, at)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x+side.dx, y+side.dy, side.anchor, html.EscapeString(text))
		return
	}
}

func (l *labels) covers(one box) bool {
	for _, other := range l.taken {
		if one.over(other) {
			return true
		}
	}
	return false
}
