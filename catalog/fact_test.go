package catalog

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func someFacts() Facts {
	return Facts{
		OS:         OS{HostName: "h", Name: "rocky", Kernel: "4.18"},
		CPU:        CPU{Model: "x", Sockets: 2, Cores: 40, Threads: 80},
		Memory:     Memory{Total: 384 << 30},
		Disks:      []Disk{{Name: "sda", Size: 12 << 40, Rotational: true}, {Name: "sdb", Serial: "s"}},
		Mounts:     []Mount{{Path: "/", Device: "/dev/sda1", Used: 1, ReadOnly: true}},
		Interfaces: []Interface{{Name: "lo", Addresses: []string{"127.0.0.1/8"}}},
		Boot:       Boot{Time: time.Unix(1_780_000_020, 0), Version: "1"},
	}
}

// Every field of Facts, and of its parts, comes back.
func TestFactsComeBack(t *testing.T) {
	want := someFacts()
	told, err := Tell(want)
	if got := told.Facts(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := told.Part("Disks").([]Disk); !reflect.DeepEqual(got, want.Disks) {
		t.Errorf("disks: got %+v", got)
	}
	b, err := json.Marshal(told)
	var back Told
	if err := json.Unmarshal(b, &back); err != nil || !back.equal(told) {
		t.Errorf("by way of JSON: %v\n%s", err, b)
	}
	plain, _ := json.Marshal(want)
	if err != nil || string(b) != string(plain) {
		t.Errorf("as JSON: %v\n%s, want\n%s", err, b, plain)
	}
	for i := range factsType.NumField() {
		part := reflect.ValueOf(want).Field(i)
		if part.IsZero() || part.Kind() == reflect.Slice && part.Index(0).IsZero() {
			t.Errorf("%s is not tried", factsType.Field(i).Name)
		}
	}
}

func TestNothingTold(t *testing.T) {
	var none Told
	if got := none.Facts(); !reflect.DeepEqual(got, Facts{}) {
		t.Errorf("got %+v", got)
	}
	b, err := json.Marshal(Node{Facts: none})
	if err != nil || !strings.Contains(string(b), `"Disks":[],"Mounts":[],"Interfaces":[]`) {
		t.Errorf("%v: %s", err, b)
	}
}

// A part that cannot be read leaves the one before, and who holds the facts of
// before sees no change.
func TestFactsOfAnotherVersion(t *testing.T) {
	before, err := Tell(someFacts())
	if err != nil {
		t.Fatal(err)
	}
	memory := mustEncode(t, Memory{Total: 1})
	after, err := before.with("Memory", memory)
	if err != nil || after.Facts().Memory.Total != 1 || before.Facts().Memory.Total == 1 || after.equal(before) {
		t.Errorf("one part anew: %v, %+v", err, after.Facts().Memory)
	}
	if same, err := after.with("Memory", []byte{0x01}); err == nil || !same.equal(after) {
		t.Errorf("a number for a group of fields: %v", err)
	}
	if same, err := after.with("Planets", memory); err != nil || !same.equal(after) {
		t.Errorf("a field of a later version: %v", err)
	}
	if gone, err := after.with("Disks", nil); err != nil || gone.Facts().Disks != nil {
		t.Errorf("taken back: %v", err)
	}
}
