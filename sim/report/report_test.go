package report

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func sample() Report {
	random := rand.New(rand.NewPCG(1, 1))
	wait := func(mean float64) Series {
		var values []float64
		for range 2000 {
			values = append(values, mean*(0.3+random.ExpFloat64()))
		}
		return Cumulative("", values)
	}
	named := func(s Series, name, group string) Series { s.Name, s.Group = name, group; return s }
	return Report{
		Title: "News <among> 1,000 & more",
		Notes: []string{"Latency 0.5 ms one way, no loss, seed 7."},
		Tables: []Table{{
			Title: "Delay to reach a share of the nodes",
			Head:  []string{"settings", "p50, ms", "p99, ms", "last, ms"},
			Rows:  [][]string{{"LAN", "2.1", "2.7", "74"}, {"Stock", "448", "753", "1,243"}, {"none <b>", "never", "never", "never"}},
			Note:  "Of 100 news each.",
		}},
		Plots: []Plot{
			{
				Title: "Nodes that know, by time", X: Axis{Name: "time since the news", Unit: "ms", Log: true}, Y: Axis{Name: "share of nodes"},
				Series: []Series{
					named(wait(2), "LAN, real", "LAN"), named(wait(2.1), "LAN, model", "LAN"),
					named(wait(450), "Stock, real", "Stock"), named(wait(430), "Stock, model", "Stock"),
				},
				Note: "Real beside model.",
			},
			{
				Title: "Detection against traffic", X: Axis{Name: "detection, median", Unit: "s"}, Y: Axis{Name: "idle traffic of a node", Unit: "bytes/s"},
				Series: []Series{
					{Name: "probes", Points: [][2]float64{{3, 435}, {4.8, 300}, {6.6, 174}, {13.6, 87}}, Labels: []string{"200 ms", "290 ms", "500 <ms>", "1 s"}, Marks: true},
					{Name: "with push/pull", Points: [][2]float64{{3, 12_435}, {4.8, 8_300}, {6.6, 4_174}, {13.6, 1_087}}, Marks: true},
				},
			},
			{Title: "Nothing", X: Axis{Name: "x", Log: true}, Y: Axis{Name: "y", Log: true}, Series: []Series{{Name: "below zero", Points: [][2]float64{{-1, 0}}}}},
		},
	}
}

func TestPageIsWholeAndEscaped(t *testing.T) {
	var b strings.Builder
	if err := sample().HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if file := os.Getenv("YODEL_REPORT"); file != "" {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"News &lt;among&gt; 1,000 &amp; more", "none &lt;b&gt;", "time since the news, ms", "nothing to show", "prefers-color-scheme: dark", "@media print", "stroke-dasharray"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, never := range []string{"<script", "http:", "https:", "url(", "@import", "NaN", "Inf"} {
		if strings.Contains(page, never) {
			t.Errorf("%q in the page", never)
		}
	}
	for rest := page; ; { // each drawing is well-formed XML
		_, after, found := strings.Cut(rest, "<svg ")
		if !found {
			break
		}
		drawing, after, found := strings.Cut(after, "</svg>")
		if !found {
			t.Fatal("a drawing has no end")
		}
		d := xml.NewDecoder(strings.NewReader("<svg " + drawing + "</svg>"))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		rest = after
	}
}

func TestTextAlignsNumbers(t *testing.T) {
	var b strings.Builder
	if err := sample().Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `News <among> 1,000 & more
Latency 0.5 ms one way, no loss, seed 7.

Delay to reach a share of the nodes
settings  p50, ms  p99, ms  last, ms
LAN           2.1      2.7        74
Stock         448      753     1,243
none <b>    never    never     never
Of 100 news each.
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONComesBack(t *testing.T) {
	var b strings.Builder
	if err := sample().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	d := json.NewDecoder(strings.NewReader(b.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if len(back.Plots) != 3 || len(back.Plots[0].Series[3].Points) != pointsMax || back.Plots[0].Series[3].Group != "Stock" || back.Tables[0].Rows[1][3] != "1,243" {
		t.Errorf("came back as %+v", back.Tables)
	}
}

func TestWhatCannotBeShownIsNamed(t *testing.T) {
	for want, r := range map[string]Report{
		`table "t": row 1 has 1 cells, its head has 2`: {Tables: []Table{{Title: "t", Head: []string{"a", "b"}, Rows: [][]string{{"1"}}}}},
		`plot "p": series "s": point 2 is [1 NaN]`:     {Plots: []Plot{{Title: "p", Series: []Series{{Name: "s", Points: [][2]float64{{1, 1}, {1, math.NaN()}}}}}}},
		`plot "p": series "s": point 1 is [+Inf 1]`:    {Plots: []Plot{{Title: "p", Series: []Series{{Name: "s", Points: [][2]float64{{math.Inf(1), 1}}}}}}},
		`series "s": 1 labels for 2 points`:            {Plots: []Plot{{Title: "p", Series: []Series{{Name: "s", Points: make([][2]float64, 2), Labels: []string{"a"}}}}}},
		`plot "p": 25 series, limit 24`:                {Plots: []Plot{{Title: "p", Series: make([]Series, 25)}}},
	} {
		for _, write := range []func(io.Writer) error{r.HTML, r.Text, r.JSON} {
			if err := write(io.Discard); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

func TestCumulativeKeepsTheEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		n := 1 + random.IntN(3000)
		values := make([]float64, n)
		for i := range values {
			values[i] = random.NormFloat64()
		}
		s := Share("s", values, 2*n)
		if len(s.Points) != min(n, pointsMax) {
			t.Fatalf("%d points of %d", len(s.Points), n)
		}
		if last := s.Points[len(s.Points)-1]; last[0] != slices.Max(values) || last[1] != 0.5 {
			t.Fatalf("ends at %v", last)
		}
		for i, p := range s.Points {
			if i > 0 && (p[0] < s.Points[i-1][0] || p[1] <= s.Points[i-1][1]) {
				t.Fatalf("%v after %v", p, s.Points[i-1])
			}
			below := 0
			for _, v := range values {
				if v <= p[0] {
					below++
				}
			}
			if float64(below)/float64(2*n) != p[1] {
				t.Fatalf("%d of %d are up to %v, it says %v", below, 2*n, p[0], p[1])
			}
		}
	}
}

func TestScalesCoverAndAreRound(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 2000 {
		a, b := math.Pow(10, 12*random.Float64()-5), math.Pow(10, 12*random.Float64()-5)
		for _, log := range []bool{false, true} {
			s := newScale(log, []float64{a, b}, 0, 100, 6)
			if s.low > min(a, b)*1.01 || s.high < max(a, b)*0.99 {
				t.Fatalf("%v to %v do not cover %v, %v", s.low, s.high, a, b)
			}
			if len(s.ticks) < 2 || len(s.ticks) > 14 {
				t.Fatalf("%d ticks for %v, %v (log %v): %v", len(s.ticks), a, b, log, s.ticks)
			}
			if !slices.IsSorted(s.ticks) {
				t.Fatal(s.ticks)
			}
		}
	}
	for want, v := range map[string]float64{"0": 0, "0.1": 0.1, "0.002": 0.002, "5": 5, "1,500": 1500, "1,007": 1007, "12k": 12_000, "100k": 100_000, "2.5M": 2_500_000, "-3": -3, "1e-06": 1e-6} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}
