package jobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// noon is the time of all orders in these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// hosts are n targets: h0001, h0002, ...
func hosts(n int) []Target {
	targets := make([]Target, n)
	for i := range targets {
		name := fmt.Sprintf("h%04d", i+1)
		targets[i] = Target{Name: name, Origin: originOf(name)}
	}
	return targets
}

func originOf(name string) (o Origin) {
	sum := sha256.Sum256([]byte(name))
	copy(o[:], sum[:])
	return o
}

// plain is an order without any option, full one with all of them.
func plain() Order {
	return Order{
		ID: NewID(noon), Author: "ann@example.com", Lifetime: time.Hour, Late: true,
		Expression: "h*", Targets: hosts(3),
		Command: []string{"/bin/true"}, User: "root", Timeout: time.Minute, OutputMax: 1 << 20,
	}
}

func full() Order {
	o := plain()
	o.RetryOf = NewID(noon.Add(-time.Hour))
	o.Rollout = &Rollout{
		Waves: []int{1, 2}, Wait: time.Minute, MaxFail: 1, Gate: &Gate{Command: []string{"hdfs", "dfsadmin", "-safemode", "get"}},
		Conductors: []Origin{originOf("h0001"), originOf("x")},
	}
	o.Script = &Script{Name: "clean.sh", Hash: sha256.Sum256([]byte("#!/bin/sh\n")), Size: 10}
	o.Command = []string{"--days", "7", "ümläut\n"}
	o.Put = []File{{Path: "/etc/hadoop/core-site.xml", Mode: 0o644, Hash: sha256.Sum256(nil), Size: 0}}
	o.Cwd, o.Env = "/var/tmp", map[string]string{"A": "1", "LONGER": "x=y", "B": ""}
	o.Splay, o.Nice, o.Linger, o.ConcurrencyKey = time.Second, -5, true, "hdfs"
	return o
}

func TestOrderRoundTrip(t *testing.T) {
	for _, o := range []Order{plain(), full()} {
		b, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeOrder(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Encode()
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("encoded again: %v\n%x\n%x", err, b, again)
		}
		if o.Script != nil && !reflect.DeepEqual(o, back) {
			t.Errorf("got  %+v\nwant %+v", back, o)
		}
	}
}

// In JSON, for people and programs, nothing is lost.
func TestOrderInJSON(t *testing.T) {
	o := full()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var back Order
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(o, back) {
		t.Errorf("%v\n%s", err, b)
	}
	for _, want := range []string{o.ID.String(), o.Targets[0].Origin.String(), o.Script.Hash.String()} {
		if !bytes.Contains(b, []byte(`"`+want+`"`)) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	for _, bad := range []string{`"x"`, `""`, `"ü"`} {
		if json.Unmarshal([]byte(bad), new(Origin)) == nil || json.Unmarshal([]byte(bad), new(Hash)) == nil {
			t.Errorf("%s accepted", bad)
		}
	}
}

// Nil and empty are the same order, and so the same bytes.
func TestNothingHasOneForm(t *testing.T) {
	o := plain()
	a, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	o.Put, o.Env = []File{}, map[string]string{}
	b, err := o.Encode()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%v\n%x\n%x", err, a, b)
	}
}

// A signature is made over these bytes: they change with the name of the form
// and never otherwise.
func TestFormIsFixed(t *testing.T) {
	o := full()
	o.ID, o.RetryOf = ID{0: 1, 15: 2}, ID{0: 1, 15: 1}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	const want = "98f0d974b5b6823b42e8ece22fafde31bc6695a3125c0a8743a0e6007fc1c94d"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the canonical form of an order is %s, was %s: a change needs a new orderForm\n%x", got, want, b)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	o := full()
	good, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	loose, err := cbor.EncOptions{}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	remake := func(change func(doc []any)) []byte {
		var doc []any
		if err := cbor.Unmarshal(good, &doc); err != nil {
			t.Fatal(err)
		}
		change(doc)
		b, err := loose.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	body := func(doc []any) []any { return doc[1].([]any) }
	null := plain()
	emptied, err := null.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":               {},
		"trailing byte":         append(slices.Clone(good), 0),
		"cut":                   good[:len(good)-1],
		"another form":          remake(func(d []any) { d[0] = "yodel-order-2" }),
		"a cancel":              remake(func(d []any) { d[0] = cancelForm }),
		"one field more":        remake(func(d []any) { d[1] = append(body(d), 1) }),
		"one field less":        remake(func(d []any) { d[1] = body(d)[:len(body(d))-1] }),
		"a short ID":            remake(func(d []any) { body(d)[0] = []byte{1, 2, 3} }),
		"a long ID":             remake(func(d []any) { body(d)[0] = make([]byte, 17) }),
		"a text as bytes":       remake(func(d []any) { body(d)[2] = []byte("ann@example.com") }),
		"a float":               remake(func(d []any) { body(d)[3] = 3.6e12 }),
		"a tag":                 remake(func(d []any) { body(d)[2] = cbor.Tag{Number: 99, Content: "ann@example.com"} }),
		"null for a list":       bytes.Replace(emptied, []byte("\x80\x64root"), []byte("\xf6\x64root"), 1),
		"long integer":          bytes.Replace(good, []byte{0x82, 0x01, 0x02}, []byte{0x82, 0x18, 0x01, 0x02}, 1),
		"keys in another order": bytes.Replace(good, []byte("\x61A\x611\x61B\x60"), []byte("\x61B\x60\x61A\x611"), 1),
		"key twice":             bytes.Replace(good, []byte("\x61A\x611\x61B\x60"), []byte("\x61A\x611\x61A\x60"), 1),
		"not valid":             remake(func(d []any) { body(d)[2] = "" }),
	} {
		if bytes.Equal(b, good) || bytes.Equal(b, emptied) {
			t.Errorf("%s: the test changed nothing", name)
		}
		if o, err := DecodeOrder(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, o)
		}
	}
	if o, err := DecodeOrder(append(slices.Clone(good), make([]byte, OrderMax)...)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("too long: %v %v", o, err)
	}
	_, err = DecodeOrder(remake(func(d []any) { d[0] = "yodel-order-2" }))
	if err == nil || !strings.Contains(err.Error(), `"yodel-order-2", which this version of yodel does not know`) {
		t.Errorf("a later form: %v", err)
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	o := full()
	o.Author, o.Lifetime, o.User, o.Cwd, o.Nice = "", LifetimeMax+1, "ro\not", "../x", 20
	o.Targets[1].Name = o.Targets[0].Name
	o.Targets[2].Origin = Origin{}
	o.Rollout = &Rollout{Waves: []int{0, 9}, MaxFail: -1, Gate: &Gate{}}
	o.Script = &Script{Name: "a/b", Size: ScriptMax + 1}
	o.Command = []string{"a\x00b", "\xff"}
	o.Put = []File{{Path: "/x/../y", Mode: 0o4755, Size: -1}, {Path: "/z"}, {Path: "/z"}}
	o.Env = map[string]string{"A=B": "", "": "", "OK": "\x00"}
	o.Timeout, o.Splay, o.OutputMax, o.ConcurrencyKey = 1, -1, OutputMax+1, "\x07"
	err := o.Validate()
	var fields []string
	for _, p := range err.(Problems) {
		fields = append(fields, p.Field)
	}
	want := []string{
		"Author", "Lifetime", "Targets[1].Name", "Targets[2].Origin",
		"Rollout.Waves[0]", "Rollout.Waves", "Rollout.MaxFail", "Rollout.Gate", "Rollout.Conductors",
		"Command[0]", "Command[1]", "Script.Name", "Script.Hash", "Script.Size",
		"Put[0].Path", "Put[0].Mode", "Put[0].Hash", "Put[0].Size", "Put[1].Hash", "Put[2].Path", "Put[2].Hash",
		"User", "Cwd", `Env[""]`, `Env["A=B"]`, `Env["OK"]`, "Timeout", "Splay", "Nice", "OutputMax", "ConcurrencyKey",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("got  %q\nwant %q\n%v", fields, want, err)
	}
	if _, err := o.Encode(); err == nil {
		t.Error("encoded all the same")
	}
}

// Ten thousand targets with long names fit, and each wave is sorted by itself.
func TestLargestOrder(t *testing.T) {
	o := plain()
	o.Targets = nil
	for i := range TargetsMax {
		name := fmt.Sprintf("rack%02d-%05d.%s.example.com", i%40, i, strings.Repeat("d", 20))
		o.Targets = append(o.Targets, Target{Name: name, Origin: originOf(name)})
	}
	slices.Reverse(o.Targets)
	byName := func(a, b Target) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(o.Targets[:1], byName)
	slices.SortFunc(o.Targets[1:500], byName)
	slices.SortFunc(o.Targets[500:], byName)
	o.Rollout = &Rollout{Waves: []int{1, 499, TargetsMax - 500}, Conductors: []Origin{{1}}}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > OrderMax {
		t.Errorf("%d bytes", len(b))
	}
	if _, err := DecodeOrder(b); err != nil {
		t.Error(err)
	}
	if o.Wave(0) != 0 || o.Wave(1) != 1 || o.Wave(499) != 1 || o.Wave(500) != 2 || o.Wave(TargetsMax-1) != 2 {
		t.Error("waves")
	}
	o.Rollout.Waves = []int{500, TargetsMax - 500}
	if err := o.Validate(); err == nil {
		t.Error("a wave that is not sorted was accepted")
	}
}

func TestIDsSortByTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		at := time.UnixMilli(r.Int64N(1 << 47))
		id, later := NewID(at), NewID(at.Add(time.Millisecond))
		if !id.Time().Equal(at) || id.String() >= later.String() || bytes.Compare(id[:], later[:]) >= 0 {
			t.Fatalf("%s of %s, %s after it", id, at, later)
		}
		for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
			if back, err := ParseID(text); err != nil || back != id {
				t.Fatalf("%s: %s %v", text, back, err)
			}
		}
	}
	// The example of the specification.
	if id, err := ParseID("01ARZ3NDEKTSV4RRFFQ69G5FAV"); err != nil || id.Time().UnixMilli() != 1469922850259 {
		t.Error(id.Time().UnixMilli(), err)
	}
	for _, bad := range []string{"", "8" + strings.Repeat("0", 25), strings.Repeat("0", 25), strings.Repeat("0", 25) + "u", strings.Repeat("é", 13)} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("%q: %s", bad, id)
		}
	}
}

func FuzzDecodeOrder(f *testing.F) {
	for _, o := range []Order{plain(), full()} {
		b, err := o.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := DecodeOrder(b)
		if err != nil {
			return
		}
		again, err := o.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("decoded and encoded: %v\n%x\n%x", err, b, again)
		}
	})
}

func FuzzDecodeCancel(f *testing.F) {
	b, err := Cancel{ID: NewID(noon), Author: "ann", Job: NewID(noon)}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeCancel(b); err == nil {
			if again, err := c.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("decoded and encoded: %v\n%x\n%x", err, b, again)
			}
		}
	})
}
