package checks

// A threshold turns what single looks saw into a status, by Consul's rules:
// a passing or warning look is a success; a status changes only after enough
// successes or failures in a row; and the very first look counts at once,
// because both counters start full.
type threshold struct {
	passing, warning, critical int // how many in a row
	successes, failures        int
}

func newThreshold(d Definition) threshold {
	t := threshold{passing: d.SuccessBeforePassing, warning: d.FailuresBeforeWarning, critical: d.FailuresBeforeCritical}
	if t.warning == 0 {
		t.warning = t.critical
	}
	t.successes, t.failures = t.passing, t.critical
	return t
}

// Step is the status after a look that saw seen, when it was held before.
// A failure between the two thresholds is a warning, also when held is critical.
func (t *threshold) Step(seen, held Status) Status {
	if seen == Passing || seen == Warning {
		t.successes, t.failures = min(t.successes+1, thresholdMax), 0
		if t.successes >= t.passing {
			return seen
		}
		return held
	}
	t.successes, t.failures = 0, min(t.failures+1, thresholdMax)
	switch {
	case t.failures >= t.critical:
		return Critical
	case t.failures >= t.warning:
		return Warning
	}
	return held
}
