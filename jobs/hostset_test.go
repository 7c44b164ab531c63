package jobs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for set, want := range map[string]string{
		"dn007":             "dn007",
		"dn[1-3]":           "dn1 dn2 dn3",
		"dn[001-003]":       "dn001 dn002 dn003",
		"dn[009-011].x.org": "dn009.x.org dn010.x.org dn011.x.org",
		"rack1-[1-3,7]":     "rack1-1 rack1-2 rack1-3 rack1-7",
		"r[1-2]n[08-10]":    "r1n08 r1n09 r1n10 r2n08 r2n09 r2n10",
		"dn[9-11]":          "dn9 dn10 dn11",
		"dn[0-1]*":          "dn0* dn1*",
		"[5]":               "5",
	} {
		names, err := expand(set)
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%s: %q %v", set, names, err)
		}
	}
	for _, bad := range []string{"dn[", "dn]", "dn[]", "dn[a-b]", "dn[3-1]", "dn[1-]", "dn[01-100]", "dn[1-999999999]", "dn[1-99999999999]", "a[1-200]b[1-200]", "dn[[1]]", "dn[1,,2]", "dn[-1]"} {
		if names, err := expand(bad); err == nil {
			t.Errorf("%s: %d names", bad, len(names))
		}
	}
	sets, err := splitSets("a,dn[1,3],,b[1-2]c[4,5]")
	if err != nil || strings.Join(sets, " ") != "a dn[1,3] b[1-2]c[4,5]" {
		t.Errorf("%q %v", sets, err)
	}
}

func TestFold(t *testing.T) {
	for names, want := range map[string]string{
		"":                                "",
		"web":                             "web",
		"dn007":                           "dn007",
		"dn001 dn002 dn003 dn005":         "dn[001-003,005]",
		"dn099 dn100 dn101":               "dn[099-101]",
		"dn9 dn10 dn11":                   "dn[9-11]",
		"dn1 dn01 dn2 dn02":               "dn[1-2,01-02]",
		"n1.dc1.x n2.dc1.x n3.dc1.x":      "n[1-3].dc1.x",
		"r1n1 r1n2 r2n1 r2n2":             "r1n[1-2],r2n[1-2]",
		"b web1 a web2 b":                 "a,b,web[1-2]",
		"rack1-3 rack1-1 rack1-2 rack1-7": "rack1-[1-3,7]",
	} {
		if got := Fold(strings.Fields(names)); got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
	}
}

// Folded and expanded, every name is there once, whatever the names.
func TestFoldKeepsEveryName(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		var names []string
		for range r.IntN(200) {
			width := r.IntN(4)
			names = append(names, fmt.Sprintf("%s%0*d%s%d", []string{"dn", "r1-", ""}[r.IntN(3)], width, r.IntN(30), []string{"", ".x", "n"}[r.IntN(3)], r.IntN(3)))
		}
		var back []string
		sets, err := splitSets(Fold(names))
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range sets {
			some, err := expand(set)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, some...)
		}
		slices.Sort(back)
		if want := slices.Compact(slices.Sorted(slices.Values(names))); !slices.Equal(back, want) {
			t.Fatalf("%q\nfolded %s\nback %q", want, Fold(names), back)
		}
	}
}

func TestFoldThousands(t *testing.T) {
	var names []string
	for i := range TargetsMax {
		names = append(names, fmt.Sprintf("dn%05d.r%d.example.com", i, i%7))
	}
	if got := Fold(names); len(got) > 100_000 || !strings.HasPrefix(got, "dn[00000,00007,") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("dn[001-120],r[1-2]n[3,4]")
	f.Add("[[]],,")
	f.Fuzz(func(t *testing.T, list string) {
		sets, err := splitSets(list)
		if err != nil {
			return
		}
		for _, set := range sets {
			names, err := expand(set)
			if err != nil {
				continue
			}
			if len(names) > setMax || len(names) == 0 {
				t.Errorf("%q: %d names", set, len(names))
			}
			if len(names) < 100 {
				again, err := splitSets(Fold(names))
				if err != nil {
					t.Fatal(err)
				}
				var back []string
				for _, s := range again {
					some, err := expand(s)
					if err != nil {
						t.Fatal(err)
					}
					back = append(back, some...)
				}
				slices.Sort(back)
				if want := slices.Compact(slices.Sorted(slices.Values(names))); !slices.Equal(back, want) {
					t.Errorf("%q: %q, folded and back %q", set, want, back)
				}
			}
		}
	})
}
