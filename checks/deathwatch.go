package checks

import "time"

// A deathwatch decides when an instance has been critical for so long that it
// is to be removed. It decides once per critical spell.
type deathwatch struct {
	after time.Duration // 0: never
	since time.Time     // zero: not critical
	fired bool
}

// Step notes the status at now.
func (w *deathwatch) Step(s Status, now time.Time) {
	if s != Critical {
		w.since, w.fired = time.Time{}, false
	} else if w.since.IsZero() {
		w.since = now
	}
}

// Due is when the instance goes, and whether it will if nothing changes.
func (w *deathwatch) Due() (time.Time, bool) {
	if w.after == 0 || w.fired || w.since.IsZero() {
		return time.Time{}, false
	}
	return w.since.Add(w.after), true
}

// Fire says, at most once per spell, that the time has come.
func (w *deathwatch) Fire(now time.Time) bool {
	t, ok := w.Due()
	w.fired = w.fired || ok && !now.Before(t)
	return ok && w.fired
}
