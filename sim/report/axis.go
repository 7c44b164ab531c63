package report

import (
	"math"
	"strconv"
	"strings"
)

// A scale maps values along an axis to pixels.
type scale struct {
	log        bool
	low, high  float64 // values at the ends
	from, to   float64 // pixels at the ends
	ticks      []float64
	faintTicks []float64 // lines without a number
}

// newScale covers all values, and ends at round ones.
func newScale(log bool, values []float64, from, to float64, ticks int) scale {
	s := scale{log: log, low: math.Inf(1), high: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		if !log || v > 0 {
			s.low, s.high = min(s.low, v), max(s.high, v)
		}
	}
	if s.low > s.high {
		s.low, s.high = 1, 10
	}
	if log {
		s.decades()
	} else {
		s.rounds(ticks)
	}
	return s
}

// rounds sets ticks at 1, 2 or 5 times a power of ten. An axis that nearly
// reaches 0 begins there.
func (s *scale) rounds(count int) {
	if s.low > 0 && s.low < s.high/2 || s.low == s.high && s.low > 0 {
		s.low = 0
	}
	if s.low == s.high {
		s.high = s.low + 1
	}
	raw := (s.high - s.low) / float64(count)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step*m >= raw*0.999 {
			step *= m
			break
		}
	}
	s.low, s.high = math.Floor(s.low/step+1e-9)*step, math.Ceil(s.high/step-1e-9)*step
	for i := 0; ; i++ {
		v := s.low + float64(i)*step
		if v > s.high+step/2 {
			break
		}
		s.ticks = append(s.ticks, math.Round(v/step)*step)
	}
}

// decades sets ticks at powers of ten, and between them at 2 and 5 if there are
// few.
func (s *scale) decades() {
	first, last := math.Floor(math.Log10(s.low)+1e-9), math.Ceil(math.Log10(s.high)-1e-9)
	if last <= first {
		last = first + 1
	}
	few := last-first <= 3
	every := math.Ceil((last - first) / 8)
	low, high := s.low, s.high
	s.low, s.high = math.Pow(10, first), math.Pow(10, last)
	if few { // end at 2 or 5 where that is nearer
		for _, m := range []float64{2, 5} {
			if m*math.Pow(10, first) <= low*1.001 {
				s.low = m * math.Pow(10, first)
			}
		}
		for _, m := range []float64{5, 2} {
			if m*math.Pow(10, last-1) >= high*0.999 {
				s.high = m * math.Pow(10, last-1)
			}
		}
	}
	for e := first; e <= last; e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < s.low*0.999 || v > s.high*1.001 {
				continue
			}
			if m == 1 && math.Mod(e-first, every) == 0 || few && (m == 2 || m == 5) {
				s.ticks = append(s.ticks, v)
			} else if last-first <= 6 {
				s.faintTicks = append(s.faintTicks, v)
			}
		}
	}
}

// at is where a value lies, and whether it can be drawn at all.
func (s scale) at(v float64) (float64, bool) {
	low, high := s.low, s.high
	if s.log {
		if v <= 0 {
			return 0, false
		}
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from), true
}

// number is a short form of a value: 12,000 is 12k.
func number(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= unit.size*0.9999 {
			size := unit.size
			if unit.name == "k" {
				size = 1000
			}
			return short(v/size) + unit.name
		}
	}
	if math.Abs(v) >= 1000 {
		return strconv.Itoa(int(v/1000)) + "," + strings.Repeat("0", 3-len(strconv.Itoa(int(math.Abs(v))%1000))) + strconv.Itoa(int(math.Abs(v))%1000)
	}
	return short(v)
}

// short is a value with four digits at most.
func short(v float64) string {
	if v != 0 && math.Abs(v) < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
