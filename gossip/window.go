package gossip

import (
	"math"

	"github.com/hashicorp/memberlist"
)

// window keeps the time that a suspect has to object the same in a mesh of any
// size. memberlist lets it grow with the logarithm of the members, by a factor
// that is set once: what is enough for 20 hosts is then too long for 1,000, and
// what suits 1,000 takes healthy hosts of 20 for failed.
//
// It is an AliveDelegate because memberlist calls that with its lock on the
// members held, under which it also reads the factor; TestWindowFollowsTheSize
// holds that together with the race detector.
type window struct {
	settings Settings
	ml       *memberlist.Config
	members  func() int
}

// NotifyAlive is called for every word that a member is alive.
func (w *window) NotifyAlive(*memberlist.Node) error {
	if w.settings.SuspicionWindow > 0 {
		w.ml.SuspicionMult = w.settings.suspicionMult(w.members())
	}
	return nil
}

// suspicionMult is the factor that makes the window of a mesh of n members at
// least SuspicionWindow.
func (s Settings) suspicionMult(n int) int {
	if s.SuspicionWindow == 0 {
		return s.SuspicionMult
	}
	scale := max(1, math.Log10(float64(max(1, n)))) * float64(s.ProbeInterval)
	return max(1, int(math.Ceil(float64(s.SuspicionWindow)/scale-0.05))) // a hair less is enough
}
