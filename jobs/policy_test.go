package jobs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func self(name string) Self {
	return Self{Name: name, Origin: originOf(name), Tags: map[string]string{"role": "datanode"}}
}

func TestAcceptSaysWhy(t *testing.T) {
	ann, eve := newPerson(t, "ann@example.com"), newPerson(t, "eve@example.com")
	signers := allowed(t, ann)
	script := full()
	named := Policy{Scripts: map[string]Hash{"clean": script.Script.Hash}, Rules: []Rule{{Signers: []string{"ann@*"}, Scripts: []string{"clean"}, Env: []string{"A", "B", "LONGER"}, Put: true}}}
	script.Cwd = ""
	order := func(change func(*Order)) Order {
		o := plain()
		if change != nil {
			change(&o)
		}
		return o
	}
	scripted := func(change func(*Order)) Order {
		o := script
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		policy Policy
		order  Order
		self   Self
		after  time.Duration // from the order to now
		cause  Cause         // none: accepted
		why    string
	}{
		"accepted":                   {order: order(nil)},
		"clocks 5 minutes apart":     {order: order(nil), after: -Skew},
		"and more":                   {order: order(nil), after: -Skew - time.Second, cause: Future, why: "made at 2026-03-01T12:00:00Z, but here it is 2026-03-01T11:54:59Z: 5m1s in the future"},
		"at its end":                 {order: order(nil), after: time.Hour + Skew},
		"after its end":              {order: order(nil), after: time.Hour + Skew + 2*time.Second, cause: Expired, why: "expired at 2026-03-01T13:00:00Z, 5m2s ago"},
		"never":                      {order: order(func(o *Order) { o.Late = false }), after: 20 * time.Minute, cause: Expired, why: "now or never"},
		"now":                        {order: order(func(o *Order) { o.Late = false }), after: nowWindow + Skew},
		"a wave later":               {order: order(func(o *Order) { o.Late = false; o.Rollout = &Rollout{Waves: []int{3}, Conductors: []Origin{{1}}} }), after: 20 * time.Minute},
		"off":                        {policy: Policy{Off: true}, order: order(nil), cause: Off},
		"not a target":               {order: order(nil), self: self("h0004"), cause: NotTarget, why: "h0004 is not among its 3 targets"},
		"rebuilt":                    {order: order(nil), self: Self{Name: "h0001", Origin: originOf("x")}, cause: NotTarget, why: "this host was rebuilt"},
		"renamed":                    {order: order(nil), self: Self{Name: "n1", Origin: originOf("h0001")}, cause: NotTarget, why: "its name is n1 now"},
		"a user":                     {policy: Policy{Users: []string{"hdfs", "www-*"}}, order: order(func(o *Order) { o.User = "www-data" })},
		"not that user":              {policy: Policy{Users: []string{"hdfs", "www-*"}}, order: order(nil), cause: Denied, why: "no job may run as root on this host; as hdfs, www-*"},
		"no rule":                    {policy: Policy{Rules: []Rule{{Signers: []string{"bob@*"}, Any: true}}}, order: order(nil), cause: Denied, why: "no rule of this host lets ann@example.com"},
		"a rule":                     {policy: Policy{Rules: []Rule{{Signers: []string{"bob@*"}}, {Signers: []string{"ann@*"}, Any: true}}}, order: order(nil)},
		"a rule for other hosts":     {policy: Policy{Rules: []Rule{{Signers: []string{"*"}, Any: true, Tags: map[string]string{"role": "namenode"}}}}, order: order(nil), cause: Denied},
		"a rule for these":           {policy: Policy{Rules: []Rule{{Signers: []string{"*"}, Any: true, Tags: map[string]string{"role": "datanode"}}}}, order: order(nil)},
		"her users":                  {policy: Policy{Rules: []Rule{{Signers: []string{"ann@*"}, Any: true, Users: []string{"hdfs"}}}}, order: order(nil), cause: Denied, why: "ann@example.com may not run jobs as root"},
		"a command":                  {policy: named, order: order(nil), cause: Denied, why: "scripts only: clean"},
		"her script":                 {policy: named, order: script},
		"a script of the name":       {policy: named, order: scripted(func(o *Order) { o.Script = &Script{Name: "clean", Hash: Hash{1}, Size: 1} }), cause: Denied, why: "may not run the script clean (sha256:01"},
		"a script by its hash":       {policy: Policy{Rules: []Rule{{Signers: []string{"*"}, Scripts: []string{"sha256:" + script.Script.Hash.String()}, Put: true, Env: []string{"*"}}}}, order: script},
		"her script, no files":       {policy: Policy{Scripts: named.Scripts, Rules: []Rule{{Signers: []string{"*"}, Scripts: []string{"clean"}, Env: []string{"*"}}}}, order: script, cause: Denied, why: "may not put files"},
		"her script elsewhere":       {policy: named, order: scripted(func(o *Order) { o.Cwd = "/tmp" }), cause: Denied, why: "directory"},
		"her script, and LD_PRELOAD": {policy: named, order: scripted(func(o *Order) { o.Env = map[string]string{"LD_PRELOAD": "/tmp/x"} }), cause: Denied, why: "variable LD_PRELOAD"},
	} {
		if c.self.Name == "" {
			c.self = self("h0001")
		}
		v, err := c.policy.Accept(ann.sign(t, c.order), signers, c.self, c.order.ID.Time().Add(c.after))
		if causeOf(err) != c.cause || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (v.Signer != ann.Fingerprint() || v.Order.ID != c.order.ID || v.Ahead != max(0, -c.after)) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if _, err := (Policy{}).Accept(eve.sign(t, plain()), signers, self("h0001"), noon); causeOf(err) != UnknownSigner {
		t.Errorf("eve: %v", err)
	}
	if _, err := (Policy{}).Accept(ann.sign(t, plain()), nil, self("h0001"), noon); causeOf(err) != UnknownSigner || !strings.Contains(err.Error(), "no allowed signers") {
		t.Errorf("without signers: %v", err)
	}
	if _, err := (Policy{}).Accept(Signed{Body: []byte("junk")}, signers, self("h0001"), noon); causeOf(err) != BadOrder {
		t.Errorf("junk: %v", err)
	}
}

func TestAcceptCancel(t *testing.T) {
	ann, bob, eve := newPerson(t, "ann@example.com"), newPerson(t, "bob@example.com"), newPerson(t, "eve@example.com")
	signers := allowed(t, ann, bob)
	policy := Policy{Rules: []Rule{{Signers: []string{"ann@*"}, Any: true}}}
	job := plain()
	cancel := func(by person, author string, c Cancel) Signed {
		c.ID, c.Author = NewID(noon.Add(time.Minute)), author
		body, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s, err := by.Sign(body)
		if err != nil || !s.IsCancel() {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		signed Signed
		want   Cause
	}{
		"by the author":              {cancel(ann, "ann@example.com", Cancel{Job: job.ID}), ""},
		"by who could not":           {cancel(bob, "bob@example.com", Cancel{Job: job.ID}), Denied},
		"by a stranger":              {cancel(eve, "ann@example.com", Cancel{Job: job.ID}), UnknownSigner},
		"of another job":             {cancel(ann, "ann@example.com", Cancel{Job: NewID(noon)}), NotTarget},
		"that is an order":           {ann.sign(t, job), BadOrder},
		"with the order's signature": {Signed{Body: cancel(ann, "ann@example.com", Cancel{Job: job.ID}).Body, Signature: ann.sign(t, job).Signature}, Altered},
	} {
		if _, err := policy.AcceptCancel(c.signed, job, signers, self("h0001"), noon); causeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	// And no cancel is an order.
	if _, err := policy.Accept(cancel(ann, "ann@example.com", Cancel{Job: job.ID}), signers, self("h0001"), noon); causeOf(err) != BadOrder {
		t.Errorf("a cancel as an order: %v", err)
	}
}

func TestAcceptConduct(t *testing.T) {
	ann := newPerson(t, "ann@example.com")
	signers := allowed(t, ann)
	o := full()
	x := Self{Name: "x", Origin: originOf("x")}
	for name, c := range map[string]struct {
		policy Policy
		self   Self
		want   Cause
	}{
		"a conductor":        {self: x},
		"a target":           {self: self("h0002"), want: NotTarget},
		"not with that gate": {policy: Policy{Rules: []Rule{{Signers: []string{"*"}, Scripts: []string{"sha256:" + o.Script.Hash.String()}, Env: []string{"*"}}}}, self: x, want: Denied},
		"not as root":        {policy: Policy{Users: []string{"hdfs"}}, self: x, want: Denied},
		"jobs are off":       {policy: Policy{Off: true}, self: x, want: Off},
	} {
		if _, err := c.policy.AcceptConduct(ann.sign(t, o), signers, c.self, noon); causeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Policy{}).AcceptConduct(ann.sign(t, plain()), signers, x, noon); causeOf(err) != NotTarget {
		t.Errorf("an order without waves: %v", err)
	}
}

// A thousand random hosts, orders and times: Accept agrees with the rules as
// they read in the documentation, applied one by one.
func TestAcceptAgreesWithItsRules(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	people := []person{newPerson(t, "ann@example.com"), newPerson(t, "bob@example.com"), newPerson(t, "eve@example.com")}
	signers := allowed(t, people[0], people[1])
	some := func(all ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(string) bool { return r.IntN(2) == 0 })
	}
	accepted := 0
	for range 1000 {
		by := people[r.IntN(len(people))]
		o := plain()
		if r.IntN(2) == 0 {
			o = full()
			o.Script.Hash = Hash{byte(1 + r.IntN(2))}
		}
		o.Author = []string{"ann@example.com", "bob@example.com", "eve@example.com"}[r.IntN(3)]
		o.User = []string{"root", "hdfs"}[r.IntN(2)]
		o.Late = r.IntN(2) == 0
		o.Targets = hosts(r.IntN(3) + 1)
		if o.Rollout != nil {
			o.Rollout.Waves = []int{len(o.Targets)}
		}
		if r.IntN(2) == 0 {
			o.Cwd, o.Put, o.Env = "", nil, nil
		}
		p := Policy{Off: r.IntN(10) == 0, Users: some("root", "hd*"), Scripts: map[string]Hash{"one": {1}}}
		for range r.IntN(3) {
			p.Rules = append(p.Rules, Rule{
				Signers: some("ann@*", "bob@example.com"), Users: some("root"), Any: r.IntN(3) == 0,
				Scripts: some("one", "two", "sha256:"+Hash{2}.String()), Env: some("*"), Put: r.IntN(2) == 0,
				Tags: map[string]string{"role": []string{"datanode", "namenode"}[r.IntN(5)/4]},
			})
		}
		host := self(fmt.Sprintf("h%04d", 1+r.IntN(3)))
		age := time.Duration(r.Int64N(int64(90*time.Minute))) - 10*time.Minute
		_, err := p.Accept(by.sign(t, o), signers, host, o.ID.Time().Add(age))
		want := !p.Off && strings.HasPrefix(by.line, o.Author+" ") && o.Author != "eve@example.com" &&
			slices.Contains(o.Targets, Target{Name: host.Name, Origin: host.Origin}) &&
			age >= -Skew && age <= time.Hour+Skew && (o.Late || o.Rollout != nil || age <= nowWindow+Skew) &&
			allows(p, o)
		if (err == nil) != want {
			t.Fatalf("%v, want %v\n%+v\n%+v\n%s after %s", err, want, p, o, by.line, age)
		}
		if err == nil {
			accepted++
		} else if causeOf(err) == "" {
			t.Fatalf("an error without a cause: %v", err)
		}
	}
	if accepted < 20 {
		t.Errorf("only %d were accepted: the test does not look where it should", accepted)
	}
}

// allows is the policy of that test again, without patterns and sentences.
func allows(p Policy, o Order) bool {
	user := func(users []string) bool {
		return len(users) == 0 || slices.Contains(users, o.User) || o.User == "hdfs" && slices.Contains(users, "hd*")
	}
	if !user(p.Users) {
		return false
	}
	for _, r := range p.Rules {
		signer := o.Author == "ann@example.com" && slices.Contains(r.Signers, "ann@*") || slices.Contains(r.Signers, o.Author)
		if !signer || !user(r.Users) || r.Tags["role"] != "datanode" {
			continue
		}
		if r.Any {
			return true
		}
		if o.Script == nil || o.Cwd != "" || len(o.Put) > 0 && !r.Put || len(o.Env) > 0 && len(r.Env) == 0 {
			continue
		}
		if o.Script.Hash == (Hash{1}) && slices.Contains(r.Scripts, "one") || o.Script.Hash == (Hash{2}) && len(r.Scripts) > 0 && strings.HasPrefix(r.Scripts[len(r.Scripts)-1], "sha256:") {
			return true
		}
	}
	return len(p.Rules) == 0
}

// Whatever the bytes, only what ann signed is accepted, and only by its target
// in its time.
func FuzzAccept(f *testing.F) {
	ann := newPerson(f, "ann@example.com")
	signers := allowed(f, ann)
	good := ann.sign(f, full())
	f.Add(good.Body, good.Signature, "h0001", int64(0), "root")
	f.Add(ann.sign(f, plain()).Body, good.Signature, "h0002", int64(1e9), "")
	f.Fuzz(func(t *testing.T, body, signature []byte, host string, after int64, user string) {
		p := Policy{Rules: []Rule{{Signers: []string{"ann@example.com"}, Any: true}}}
		if user != "" {
			p.Users = []string{user}
		}
		v, err := p.Accept(Signed{Body: body, Signature: signature}, signers, self(host), noon.Add(time.Duration(after)))
		if err != nil {
			if causeOf(err) == "" || err.Error() == "" {
				t.Errorf("refused without a reason: %v", err)
			}
			return
		}
		if !bytes.Equal(body, good.Body) || v.Order.Targets[v.Target].Name != host || user != "" && !matchPattern(user, "root") ||
			time.Duration(after) < -Skew || time.Duration(after) > time.Hour+Skew {
			t.Errorf("accepted: %x %x %q %d %q", body, signature, host, after, user)
		}
	})
}
