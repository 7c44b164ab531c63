package jobs

import "time"

// The names of the forms that are signed; see document.
const (
	orderForm  = "yodel-order-1"
	cancelForm = "yodel-cancel-1"
)

// An Order is a job as its author signed it: what to do, as whom, and exactly
// who may do it, when. Nothing in it is looked up elsewhere afterwards.
type Order struct {
	_       struct{} `cbor:",toarray"`
	ID      ID
	RetryOf ID     // the job that this one repeats on some of its targets; zero: none
	Author  string // the principal of allowed_signers that signs

	Lifetime time.Duration // from ID.Time until it expires
	Late     bool          // a host that was away may start it until then; else it is now or never

	Expression string   // what the author wrote to name the targets; decides nothing
	Targets    []Target // who may run it: in the order of the waves, each wave sorted by name
	Rollout    *Rollout // nil: all at once

	Command []string // a program and its arguments; with a Script its arguments only
	Script  *Script  // nil: Command[0] is a program that the host has
	Put     []File   // written before the start, as User

	User           string // to run as
	Cwd            string // absolute; empty: the home directory of User
	Env            map[string]string
	Timeout        time.Duration // then TERM and, after a while, KILL
	Splay          time.Duration // each host waits a part of this, see Delay
	Nice           int           // -20 to 19
	OutputMax      int64         // bytes of standard output and error together
	Linger         bool          // what it leaves in the background stays; else that is killed
	ConcurrencyKey string        // one job of this key at a time on a host; empty: none
}

// A Target is a host: both must fit. A host that was rebuilt has the name and
// another origin, and has forgotten what it ran.
type Target struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	Origin Origin
}

// A Rollout is a plan of waves, resolved to numbers: what was shown to the
// author is what is signed.
type Rollout struct {
	_       struct{}      `cbor:",toarray"`
	Waves   []int         // sizes; the sum is the number of targets
	Wait    time.Duration // after a wave, before the next
	MaxFail int           // more that do not succeed, of all targets, and no wave opens any more
	Gate    *Gate         // must pass between waves; nil: none

	// Conductors may open waves: the first, or the next when those before it
	// are gone. With one alone, the job stops at the end of the wave with it.
	Conductors []Origin
}

// A Gate is what must pass before the next wave opens: a command, run by the
// conductor as User, or a check.
type Gate struct {
	_       struct{} `cbor:",toarray"`
	Command []string
	Check   string
	Within  time.Duration // it is asked again until then, after the wave and the wait; 0: once
}

// A Script is a program that travels with the order, by its content.
type Script struct {
	_    struct{} `cbor:",toarray"`
	Name string   // of the file, for people and for policies
	Hash Hash
	Size int64 // bytes
}

// A File travels with the order, by its content.
type File struct {
	_    struct{} `cbor:",toarray"`
	Path string   // absolute
	Mode uint32   // permission bits
	Hash Hash
	Size int64 // bytes
}

// A Cancel ends a job on every target, or keeps it from starting.
type Cancel struct {
	_      struct{} `cbor:",toarray"`
	ID     ID       // its own
	Author string   // who could have ordered the job can cancel it
	Job    ID
}

// Expires is when the order may no longer be started.
func (o Order) Expires() time.Time { return o.ID.Time().Add(o.Lifetime) }

// Wave is the wave of the target at index i of Targets, from 0.
func (o Order) Wave(i int) int {
	if o.Rollout == nil {
		return 0
	}
	return o.Rollout.wave(i)
}

func (r Rollout) wave(i int) int {
	for w, size := range r.Waves {
		if i < size {
			return w
		}
		i -= size
	}
	return len(r.Waves)
}

// Encode is the canonical form: the message that is signed. An order with
// problems has none.
func (o Order) Encode() ([]byte, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return encode(orderForm, o)
}

// DecodeOrder reads the canonical form and no other, and refuses an order with
// problems.
func DecodeOrder(b []byte) (Order, error) {
	o, err := decode[Order](orderForm, OrderMax, b)
	if err != nil {
		return Order{}, err
	}
	if err := o.Validate(); err != nil {
		return Order{}, err
	}
	return o, nil
}

// Encode is the canonical form: the message that is signed.
func (c Cancel) Encode() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return encode(cancelForm, c)
}

// DecodeCancel reads the canonical form and no other.
func DecodeCancel(b []byte) (Cancel, error) {
	c, err := decode[Cancel](cancelForm, cancelMax, b)
	if err != nil {
		return Cancel{}, err
	}
	if err := c.Validate(); err != nil {
		return Cancel{}, err
	}
	return c, nil
}
