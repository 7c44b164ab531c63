package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fleet is 120 data nodes in four racks, two name nodes and a web server.
func fleet() []Candidate {
	var all []Candidate
	add := func(name, rack, role string, services ...string) {
		all = append(all, Candidate{Name: name, Origin: originOf(name), Datacenter: "dc1", Rack: rack, Tags: map[string]string{"role": role}, Services: services, Alive: true})
	}
	for i := 120; i >= 1; i-- {
		add(fmt.Sprintf("dn%03d", i), fmt.Sprintf("/dc1/r%d", i%4), "datanode", "datanode")
	}
	add("nn1", "/dc1/r1", "namenode", "namenode", "zkfc")
	add("nn2", "/dc1/r2", "namenode", "namenode", "zkfc")
	add("Web.example.com", "", "web", "web")
	all[len(all)-1].Datacenter = "dc2"
	return all
}

func TestSelect(t *testing.T) {
	for want, s := range map[string]Selection{
		"dn007":                         {Names: []string{"dn007"}},
		"dn[001-003],nn1":               {Names: []string{"nn1,dn[001-003]"}},
		"nn[1-2]":                       {Names: []string{"nn*"}},
		"dn[110-119]":                   {Names: []string{"dn11?"}},
		"Web.example.com":               {Names: []string{"WEB.EXAMPLE.COM"}},
		"dn[001,003-005]":               {Names: []string{"dn[001-005]"}, Exclude: []string{"dn002"}},
		"dn[101-120]":                   {Tags: []string{"role=datanode"}, Exclude: []string{"dn0*,dn100"}},
		"nn1":                           {Tags: []string{"role=name*", "role"}, Racks: []string{"/dc1/r1"}},
		"Web.example.com,nn[1-2]":       {Services: []string{"web", "zkfc"}},
		"Web.example.com,dn001":         {Names: []string{"*"}, Limit: 2},
		"nn2":                           {Filter: func(h Candidate) bool { return h.Name == "nn2" }},
		"dn[004,008,012]":               {Racks: []string{"*r0"}, DCs: []string{"dc1"}, Limit: 3},
		"Web.example.com,dn120,nn[1-2]": {Names: []string{"*"}, Exclude: []string{"dn[001-119]"}},
		"dn[001-005,010-012]":           {Names: []string{"dn[001-005]", "dn[010-012]"}},
	} {
		found, err := s.Select(fleet())
		var names []string
		for _, h := range found {
			names = append(names, h.Name)
		}
		if got := Fold(names); err != nil || got != want {
			t.Errorf("%+v: %s %v, want %s", s, got, err, want)
		}
		if !slices.IsSorted(names) {
			t.Errorf("not sorted: %q", names)
		}
	}
}

func TestSelectMistakes(t *testing.T) {
	near := func(name string, names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, name[:min(len(name), 4)]) })[:1]
	}
	for want, s := range map[string]Selection{
		"none named":                              {Exclude: []string{"dn001"}},
		"no node dn1200; did you mean dn120?":     {Names: []string{"dn001,dn1200"}, Nearest: near},
		"no node dn[121-124]":                     {Names: []string{"dn[100-124]"}},
		"no node dx*":                             {Names: []string{"dx*"}},
		"no tag role=datanod; did you mean role?": {Tags: []string{"role=datanod"}, Nearest: near},
		"no service datanodes":                    {Services: []string{"datanodes"}},
		"no data centre dc3":                      {Names: []string{"*"}, DCs: []string{"dc3"}},
		"no rack /dc1/r9":                         {Racks: []string{"/dc1/r9"}},
		"none of 123 nodes fits":                  {Names: []string{"dn*"}, Services: []string{"web"}},
		"limit -1":                                {Names: []string{"dn*"}, Limit: -1},
		"goes backwards":                          {Names: []string{"dn[9-1]"}},
		"no node nosuch":                          {Names: []string{"*"}, Exclude: []string{"nosuch"}},
	} {
		if _, err := s.Select(fleet()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	twice := append(fleet(), Candidate{Name: "nn1", Origin: Origin{1}})
	if _, err := (Selection{Names: []string{"nn1"}}).Select(twice); err == nil || !strings.Contains(err.Error(), "two nodes are named nn1") {
		t.Error(err)
	}
	if _, err := (Selection{Names: []string{"dn001"}}).Select(twice); err != nil {
		t.Error(err)
	}
}

func TestReadNames(t *testing.T) {
	names, err := ReadNames(strings.NewReader("# broken\ndn001 dn002\n\n  dn[003-005],dn007 # and this\r\n"))
	if err != nil || strings.Join(names, "|") != "dn001|dn002|dn[003-005],dn007" {
		t.Errorf("%q %v", names, err)
	}
	for _, bad := range []string{"", "# nothing\n", strings.Repeat("dn001\n", 20000), strings.Repeat("x", 1<<20)} {
		if _, err := ReadNames(strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q accepted", bad)
		}
	}
}
