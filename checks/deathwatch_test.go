package checks

import (
	"testing"
	"time"
)

func TestDeathwatch(t *testing.T) {
	t0 := time.Unix(1e9, 0)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	w := deathwatch{after: time.Minute}
	w.Step(Critical, at(0))
	w.Step(Critical, at(50)) // the spell began at 0
	if w.Fire(at(59)) {
		t.Error("fired a second early")
	}
	w.Step(Passing, at(59))
	if w.Fire(at(100)) {
		t.Error("fired while passing")
	}
	w.Step(Critical, at(100))
	if due, ok := w.Due(); !ok || !due.Equal(at(160)) {
		t.Errorf("due %v %v, want %v", due, ok, at(160))
	}
	if !w.Fire(at(160)) || w.Fire(at(161)) {
		t.Error("must fire once, at its time")
	}
	w.Step(Warning, at(170))
	w.Step(Critical, at(180))
	if !w.Fire(at(240)) {
		t.Error("a new spell must fire again")
	}
	never := deathwatch{}
	never.Step(Critical, at(0))
	if never.Fire(at(1e6)) {
		t.Error("fired without being asked to")
	}
}
