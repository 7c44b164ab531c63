package report

import "slices"

// pointsMax is as many steps as a plot is wide.
const pointsMax = 600

// Cumulative is the share of values at or below each: 0 to 1, as steps. Of many
// values it keeps as many as can be seen.
func Cumulative(name string, values []float64) Series {
	return Share(name, values, len(values))
}

// Share is Cumulative of a whole that has more members than values: of what
// never came, as of nodes that were not reached.
func Share(name string, values []float64, whole int) Series {
	s := Series{Name: name, Steps: true}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	for i := range min(n, pointsMax) {
		rank := (i+1)*n/min(n, pointsMax) - 1 // the last of each run, so that the last of all is there
		s.Points = append(s.Points, [2]float64{sorted[rank], float64(rank+1) / float64(whole)})
	}
	return s
}
