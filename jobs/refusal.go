package jobs

import "fmt"

// A Cause is why an order is refused, for programs.
type Cause string

// Causes of a refusal.
const (
	Off            Cause = "off"             // this host takes no jobs
	BadSignature   Cause = "bad-signature"   // the signature cannot be read
	BadOrder       Cause = "bad-order"       // the order cannot be read, or has problems
	WrongNamespace Cause = "wrong-namespace" // signed for something else
	UnknownSigner  Cause = "unknown-signer"  // the key may not sign for the author
	KeyTime        Cause = "key-time"        // the key may not sign now
	Altered        Cause = "altered"         // the signature is not one of these bytes
	NotTarget      Cause = "not-target"      // it is not for this host
	Future         Cause = "future"          // made in the future
	Expired        Cause = "expired"         // too late
	Denied         Cause = "denied"          // the policy of this host does not allow it
	Replayed       Cause = "replayed"        // it was here before
	Impossible     Cause = "impossible"      // this host cannot: no such user, no space
)

// A Refusal is why a host does not obey, in a sentence for people.
type Refusal struct {
	Cause Cause
	Why   string
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Why }

func refuse(c Cause, format string, args ...any) *Refusal {
	return &Refusal{c, fmt.Sprintf(format, args...)}
}
