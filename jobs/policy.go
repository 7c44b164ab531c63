package jobs

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// Skew is how far clocks may be apart: a host that has just booted without
	// its time service is off by seconds, one with a wrong time zone by an hour.
	Skew = 5 * time.Minute
	// nowWindow is how long "now or never" is now: longer than any message and
	// its repair take, shorter than a reboot.
	nowWindow = time.Minute
)

// A Policy is what a host lets whom do. The zero value lets every allowed
// signer do everything, and without allowed signers nobody anything.
type Policy struct {
	Off     bool            // no jobs here
	Users   []string        // patterns of users that a job may run as; empty: any
	Rules   []Rule          // empty: any signer, any command. Else one of them must permit
	Scripts map[string]Hash // scripts that rules call by name
}

// A Rule permits some signers something.
type Rule struct {
	Signers []string          // patterns of principals
	Tags    map[string]string // counts on hosts that have all of these
	Users   []string          // patterns of users to run as; empty: any that the policy has
	Any     bool              // any command, script, file, environment
	Scripts []string          // without Any: names in Policy.Scripts, or "sha256:" and 64 hex digits; arguments are free
	Env     []string          // without Any: patterns of variables that may be set. LD_PRELOAD runs any command
	Put     bool              // without Any: files may be put, which can run any command too
}

// Self is what a host knows of itself.
type Self struct {
	Name   string
	Origin Origin
	Tags   map[string]string
}

// A Verdict is what became of an order. When it is refused it holds what was
// known by then, for the audit.
type Verdict struct {
	Order  Order
	Signer string        // fingerprint of the key
	Target int           // index of this host in Order.Targets
	Ahead  time.Duration // the author's clock before ours: the least it must be. At most Skew, else refused
}

// Accept decides whether this host obeys an order. The error is a *Refusal.
func (p Policy) Accept(s Signed, signers *Signers, self Self, now time.Time) (Verdict, error) {
	v, err := p.open(s, signers, now)
	if err != nil {
		return v, err
	}
	if v.Target, err = v.Order.targetOf(self); err != nil {
		return v, err
	}
	if err := v.Order.inTime(now); err != nil {
		return v, err
	}
	return v, p.permits(v.Order, v.Order.Author, self)
}

// AcceptConduct decides whether this host opens the waves of an order, and
// runs its gate.
func (p Policy) AcceptConduct(s Signed, signers *Signers, self Self, now time.Time) (Verdict, error) {
	v, err := p.open(s, signers, now)
	if err != nil {
		return v, err
	}
	r := v.Order.Rollout
	if r == nil || !slices.Contains(r.Conductors, self.Origin) {
		return v, refuse(NotTarget, "the job %s is not conducted by this host", v.Order.ID)
	}
	if err := v.Order.inTime(now); err != nil {
		return v, err
	}
	if r.Gate == nil || r.Gate.Check != "" {
		return v, nil
	}
	return v, p.permits(v.Order.gate(), v.Order.Author, self)
}

// gate is the order that the gate's command would be by itself.
func (o Order) gate() Order {
	o.Command, o.Script, o.Put = o.Rollout.Gate.Command, nil, nil
	return o
}

// AcceptCancel decides whether a cancel ends a job that this host accepted:
// who could have ordered it may cancel it.
func (p Policy) AcceptCancel(s Signed, job Order, signers *Signers, self Self, now time.Time) (Cancel, error) {
	c, err := DecodeCancel(s.Body)
	if err != nil {
		return c, refuse(BadOrder, "%v", err)
	}
	if p.Off {
		return c, refuse(Off, "this host takes no jobs")
	}
	if _, err := signers.Verify(s, c.Author, now); err != nil {
		return c, err
	}
	if c.Job != job.ID {
		return c, refuse(NotTarget, "it cancels the job %s, not %s", c.Job, job.ID)
	}
	if err := notFuture(c.ID, now); err != nil {
		return c, err
	}
	return c, p.permits(job, c.Author, self)
}

// open reads an order and makes sure of its author.
func (p Policy) open(s Signed, signers *Signers, now time.Time) (v Verdict, err error) {
	if v.Order, err = DecodeOrder(s.Body); err != nil {
		return v, refuse(BadOrder, "%v", err)
	}
	v.Ahead = max(0, v.Order.ID.Time().Sub(now))
	if v.Signer, err = signers.Verify(s, v.Order.Author, now); err == nil && p.Off {
		err = refuse(Off, "this host takes no jobs")
	}
	return v, err
}

func (o Order) targetOf(self Self) (int, error) {
	for i, t := range o.Targets {
		switch {
		case t.Origin == self.Origin && t.Name == self.Name:
			return i, nil
		case t.Origin == self.Origin:
			return 0, refuse(NotTarget, "it is for %s, which is this host by identity %s, but its name is %s now", t.Name, t.Origin, self.Name)
		case t.Name == self.Name:
			return 0, refuse(NotTarget, "it is for another %s, of identity %s; this host was rebuilt and is %s", t.Name, t.Origin, self.Origin)
		}
	}
	return 0, refuse(NotTarget, "%s is not among its %d targets", self.Name, len(o.Targets))
}

func (o Order) inTime(now time.Time) error {
	if err := notFuture(o.ID, now); err != nil {
		return err
	}
	age := now.Sub(o.ID.Time())
	if late := age - o.Lifetime; late > Skew {
		return refuse(Expired, "it expired at %s, %s ago", stamp(o.Expires()), late.Round(time.Second))
	}
	// The hosts of a rollout wait for their wave, whenever that is.
	if !o.Late && o.Rollout == nil && age > nowWindow+Skew {
		return refuse(Expired, "it was for now or never, at %s, %s ago", stamp(o.ID.Time()), age.Round(time.Second))
	}
	return nil
}

func notFuture(id ID, now time.Time) error {
	if ahead := id.Time().Sub(now); ahead > Skew {
		return refuse(Future, "it was made at %s, but here it is %s: %s in the future, limit %s; look at both clocks",
			stamp(id.Time()), stamp(now), ahead.Round(time.Second), Skew)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// permits is nil when a rule lets the signer do what is in the order.
func (p Policy) permits(o Order, signer string, self Self) error {
	if len(p.Users) > 0 && !matchAny(p.Users, o.User) {
		return refuse(Denied, "no job may run as %s on this host; as %s", o.User, strings.Join(p.Users, ", "))
	}
	if len(p.Rules) == 0 {
		return nil
	}
	var nearly *Refusal
	for _, r := range p.Rules {
		if !matchAny(r.Signers, signer) || !hasTags(self.Tags, r.Tags) {
			continue
		}
		r := p.rule(r, o, signer)
		if r == nil {
			return nil
		}
		if nearly == nil {
			nearly = r
		}
	}
	if nearly != nil {
		return nearly
	}
	return refuse(Denied, "no rule of this host lets %s run jobs here", signer)
}

// rule is nil when the rule permits it.
func (p Policy) rule(r Rule, o Order, signer string) *Refusal {
	if len(r.Users) > 0 && !matchAny(r.Users, o.User) {
		return refuse(Denied, "%s may not run jobs as %s on this host; as %s", signer, o.User, strings.Join(r.Users, ", "))
	}
	if r.Any {
		return nil
	}
	switch {
	case o.Script == nil:
		return refuse(Denied, "%s may not run commands on this host, scripts only: %s", signer, strings.Join(r.Scripts, ", "))
	case !p.named(r.Scripts, o.Script.Hash):
		return refuse(Denied, "%s may not run the script %s (sha256:%s) on this host; only %s", signer, o.Script.Name, o.Script.Hash, strings.Join(r.Scripts, ", "))
	case len(o.Put) > 0 && !r.Put:
		return refuse(Denied, "%s may not put files on this host", signer)
	case o.Cwd != "":
		return refuse(Denied, "%s may not choose the directory on this host", signer)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		if !matchAny(r.Env, name) {
			return refuse(Denied, "%s may not set the variable %s on this host", signer, name)
		}
	}
	return nil
}

// named is whether a script is one of those.
func (p Policy) named(scripts []string, h Hash) bool {
	for _, s := range scripts {
		if named, ok := p.Scripts[s]; ok && named == h || strings.EqualFold(s, "sha256:"+h.String()) {
			return true
		}
	}
	return false
}

func hasTags(has, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}
