package config

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func seed(f *testing.F, add func(body []byte, json bool)) {
	names, err := filepath.Glob("testdata/*/*.*")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range names {
		if body, err := os.ReadFile(name); err == nil && filepath.Ext(name) != ".want" {
			add(body, filepath.Ext(name) == ".json")
		}
	}
}

// Any bytes load or are refused with sentences, each on one line and about the
// file; and what loads keeps the promises of Config's comments.
func FuzzLoad(f *testing.F) {
	seed(f, func(body []byte, json bool) { f.Add(body, json) })
	f.Fuzz(func(t *testing.T, body []byte, json bool) {
		c, warnings, problems := build(Source{Dev: true, Flags: []Flag{{"--retry-interval", "retry_interval", "1s"}}},
			[]file{{name: "f", body: body, json: json}}, false)
		for _, p := range slices.Concat(warnings, problems) {
			if p.What == "" || strings.ContainsAny(p.String(), "\n\r\x00") {
				t.Errorf("bad sentence: %q", p)
			}
			if p.Line > 1+strings.Count(string(body), "\n") || p.Line < 0 {
				t.Errorf("line %d of a file with %d", p.Line, 1+strings.Count(string(body), "\n"))
			}
		}
		if len(problems) == 0 {
			sane(t, c)
		}
	})
}

func sane(t *testing.T, c Config) {
	t.Helper()
	if what, _ := wrongNodeName(c.NodeName); what != "" || c.NodeName != strings.ToLower(c.NodeName) {
		t.Errorf("node name %q", c.NodeName)
	}
	for _, port := range []int{c.Ports.DNS, c.Ports.HTTP, c.Ports.Gossip, c.Ports.Peer} {
		if port < -1 || port > 65535 {
			t.Errorf("port %d", port)
		}
	}
	if !strings.HasSuffix(c.Domain, ".") || c.Domain == "." || !c.BindAddr.IsValid() || len(c.ClientAddrs) == 0 {
		t.Errorf("domain %q, bind %v, client %v", c.Domain, c.BindAddr, c.ClientAddrs)
	}
	ids := make(map[string]bool)
	list := slices.Clone(c.Checks)
	for _, s := range c.Services {
		if s.ID == "" || s.Name == "" || ids["service "+s.ID] {
			t.Errorf("service %+v", s)
		}
		ids["service "+s.ID] = true
		list = append(list, s.Checks...)
	}
	for _, d := range list {
		if d.ID == "" || d.Name == "" || ids["check "+d.ID] || d.Validate() != nil {
			t.Errorf("check %+v: %v", d, d.Validate())
		}
		ids["check "+d.ID] = true
		if kind := d.Kind(); (kind == "script" || kind == "docker") && !c.EnableScriptChecks && !c.EnableLocalScriptChecks {
			t.Errorf("a program, and those are off: %+v", d)
		}
	}
}

// Bodies of the HTTP API and of `yodel register` end in a definition or in Problems.
func FuzzParseDefinition(f *testing.F) {
	seed(f, func(body []byte, _ bool) { f.Add(body) })
	f.Add([]byte(`{"ID": "a", "Name": "b", "Check": {"TTL": "1s"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		services, list, err := ParseDefinition("f", body)
		if _, ok := err.(Problems); err != nil && !ok {
			t.Errorf("%T", err)
		}
		if err == nil && len(services)+len(list) == 0 {
			t.Error("nothing, and no error")
		}
		_, serviceErr := ParseService("f.json", body)
		_, checkErr := ParseCheck("f.json", body)
		if serviceErr == nil && checkErr == nil {
			t.Error("a service and a check at once")
		}
	})
}

var lineNumber = regexp.MustCompile(`line \d+|f:\d+`)

// The same configuration in HCL and in JSON is the same Config, or the same problems.
func TestSameInHCLAndJSON(t *testing.T) {
	loaded := 0
	for i := range 1000 {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		v := randomBlock(random, Keys())
		inHCL, inJSON := writeHCL(v), writeJSON(v)
		load := func(body string, json bool) (Config, string) {
			c, warnings, problems := build(Source{Dev: true}, []file{{name: "f", body: []byte(body), json: json}}, false)
			var said []string
			for _, p := range slices.Concat(warnings, problems) {
				p.Line = 0
				said = append(said, lineNumber.ReplaceAllString(p.String(), ""))
			}
			slices.Sort(said)
			return c, strings.Join(said, "\n")
		}
		fromHCL, saidHCL := load(inHCL, false)
		fromJSON, saidJSON := load(inJSON, true)
		if saidHCL != saidJSON || !reflect.DeepEqual(fromHCL, fromJSON) {
			t.Fatalf("case %d\n%s\n%s\nHCL:  %+v\nJSON: %+v\nHCL:  %s\nJSON: %s", i, inHCL, inJSON, fromHCL, fromJSON, saidHCL, saidJSON)
		}
		if saidHCL == "" {
			loaded++
		}
	}
	if loaded < 50 {
		t.Errorf("only %d cases loaded without a word", loaded)
	}
}

// randomBlock uses few keys at a time, mostly rightly.
func randomBlock(random *rand.Rand, keys []Key) value {
	v := value{kind: kindBlock}
	for range random.IntN(4) {
		k := keys[random.IntN(len(keys))]
		if slices.ContainsFunc(v.fields, func(f field) bool { return f.name == k.Name }) && random.IntN(10) > 0 {
			continue
		}
		v.fields = append(v.fields, field{name: k.Name, value: randomValue(random, k)})
	}
	return v
}

func randomValue(random *rand.Rand, k Key) value {
	kind := k.Kind
	if random.IntN(20) == 0 {
		kind = []string{"string", "number", "boolean", "duration", "list of strings", "strings"}[random.IntN(6)]
	}
	texts := map[string][]string{
		"string":    {"a", "web", "example.com", "127.0.0.1:80", "http://localhost:80/", "info", "passing", "random", "a_b", "ä\t\"\\ x", "{}", ""},
		"duration":  {"10s", "1m", "72h", "200ms", "0s", "x"},
		"address":   {"127.0.0.1", "10.0.0.1", "::1", "[::1]", "x"},
		"addresses": {"127.0.0.1", "127.0.0.1 ::1", ""},
	}
	switch kind {
	case "number":
		return value{kind: kindNumber, text: []string{"1", "0", "-1", "8600", "65536", "1.5", "2e3"}[random.IntN(7)]}
	case "boolean":
		return value{kind: kindBool, text: strconv.FormatBool(random.IntN(2) == 0)}
	case "block", "blocks":
		return randomBlock(random, k.Keys)
	case "list of blocks":
		list := value{kind: kindList}
		for range random.IntN(3) {
			list.list = append(list.list, randomBlock(random, k.Keys))
		}
		return list
	case "list of strings":
		list := value{kind: kindList}
		for range random.IntN(3) {
			list.list = append(list.list, randomValue(random, Key{Kind: []string{"string", "address"}[random.IntN(2)]}))
		}
		return list
	case "strings", "durations", "lists of strings":
		one := map[string]string{"strings": "string", "durations": "duration", "lists of strings": "list of strings"}[kind]
		v := value{kind: kindBlock}
		for _, name := range []string{"a", "b-c", "*"}[:random.IntN(4)] {
			v.fields = append(v.fields, field{name: name, value: randomValue(random, Key{Kind: one})})
		}
		return v
	}
	pool := texts[kind]
	if pool == nil {
		pool = texts["string"]
	}
	return value{kind: kindText, text: pool[random.IntN(len(pool))]}
}

func writeHCL(v value) string {
	if v.kind == kindBlock {
		var b strings.Builder
		for _, f := range v.fields {
			fmt.Fprintf(&b, "%s = %s\n", strconv.Quote(f.name), hclText(f.value))
		}
		return b.String()
	}
	return hclText(v)
}

func hclText(v value) string {
	switch v.kind {
	case kindBlock:
		return "{\n" + writeHCL(v) + "}"
	case kindList:
		items := make([]string, len(v.list))
		for i := range v.list {
			items[i] = hclText(v.list[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case kindText:
		return strconv.Quote(v.text)
	}
	return v.text
}

func writeJSON(v value) string {
	quote := func(s string) string {
		b, _ := json.Marshal(s)
		return string(b)
	}
	items := []string{}
	switch v.kind {
	case kindBlock:
		for _, f := range v.fields {
			items = append(items, quote(f.name)+": "+writeJSON(f.value))
		}
		return "{" + strings.Join(items, ",\n") + "}"
	case kindList:
		for i := range v.list {
			items = append(items, writeJSON(v.list[i]))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case kindText:
		return quote(v.text)
	}
	return v.text
}
