package jobs

import (
	"strings"
	"time"
)

// An Outcome is how a run ended. Every target has exactly one in the end.
type Outcome string

// The outcomes, and no other.
const (
	OK          Outcome = "ok"
	Failed      Outcome = "failed"      // it ended with a code that is not 0, or by a signal
	TimedOut    Outcome = "timeout"     // it was ended because it took too long
	Refused     Outcome = "refused"     // the host did not obey, and says why
	TooLate     Outcome = "expired"     // it was not started before the order expired
	Unreachable Outcome = "unreachable" // the host was not there
	Cancelled   Outcome = "cancelled"   // before the start or while it ran
	Lost        Outcome = "lost"        // it was started, and nobody knows how it ended
	Skipped     Outcome = "skipped"     // its wave never opened
)

// Known is true for one of the outcomes above.
func (o Outcome) Known() bool {
	switch o {
	case OK, Failed, TimedOut, Refused, TooLate, Unreachable, Cancelled, Lost, Skipped:
		return true
	}
	return false
}

// A Result is the outcome of one target with its details.
type Result struct {
	_       struct{} `cbor:",toarray" json:"-"`
	Outcome Outcome
	Why     string        // a sentence; empty if there is nothing to say
	Code    int           // exit code of the command; 128 and the signal if one ended it, as shells have it
	Started time.Time     // by the host's clock; zero: it was not
	Ended   time.Time     // likewise
	CPU     time.Duration // of the command and all that it waited for
	Output  int64         // bytes that are kept
	Cut     int64         // bytes that were not
	Left    int           // processes that it left behind and that were ended
}

// whyMax bounds the sentence of a result, in bytes: a line, and a path in it.
const whyMax = 512

// end makes a result without a run.
func end(o Outcome, why string) Result { return Result{Outcome: o, Why: shorten(why, whyMax)} }

// shorten makes text of what may have been cut anywhere or come from anywhere:
// a result or an audit line that is not UTF-8 could not be read back.
func shorten(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit-3] + "..."
	}
	return strings.ToValidUTF8(s, "")
}
