package jobs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Problem is one thing that is wrong with an order.
type Problem struct {
	Field string // as in Order: "Targets[3].Name"
	Text  string
}

// Problems are all that is wrong with an order.
type Problems []Problem

// Error is every problem on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Field + ": " + problem.Text
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(field, format string, args ...any) {
	const problemsMax = 50 // a wrong list of a thousand hosts says enough with these
	if len(*p) < problemsMax {
		*p = append(*p, Problem{field, fmt.Sprintf(format, args...)})
	}
}

func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Validate is nil, or Problems with all that is wrong.
func (o Order) Validate() error {
	var p Problems
	if o.ID.IsZero() {
		p.add("ID", "missing")
	}
	if o.RetryOf == o.ID && !o.ID.IsZero() {
		p.add("RetryOf", "the job itself")
	}
	p.word("Author", o.Author)
	p.between("Lifetime", o.Lifetime, time.Second, LifetimeMax)
	p.text("Expression", o.Expression, expressionMax)
	p.targets(o)
	if o.Rollout != nil {
		p.rollout(*o.Rollout, len(o.Targets))
	}
	p.command(o)
	p.put(o.Put)
	p.surroundings(o)
	return p.orNil()
}

// Validate is nil, or Problems with all that is wrong.
func (c Cancel) Validate() error {
	var p Problems
	if c.ID.IsZero() {
		p.add("ID", "missing")
	}
	if c.Job.IsZero() {
		p.add("Job", "missing: the job to cancel")
	}
	p.word("Author", c.Author)
	return p.orNil()
}

func (p *Problems) targets(o Order) {
	if len(o.Targets) == 0 {
		p.add("Targets", "none")
	}
	if len(o.Targets) > TargetsMax {
		p.add("Targets", "%d, limit %d", len(o.Targets), TargetsMax)
		return
	}
	names, origins := make(map[string]bool, len(o.Targets)), make(map[Origin]bool, len(o.Targets))
	wave := 0 // the number of the wave, and how many targets of it are to come
	left := len(o.Targets)
	if o.Rollout != nil && len(o.Rollout.Waves) > 0 {
		left = o.Rollout.Waves[0]
	}
	for i, t := range o.Targets {
		field := fmt.Sprintf("Targets[%d]", i)
		p.word(field+".Name", t.Name)
		if t.Origin == (Origin{}) {
			p.add(field+".Origin", "missing")
		}
		if names[t.Name] {
			p.add(field+".Name", "%q for the second time", t.Name)
		} else if origins[t.Origin] {
			p.add(field+".Origin", "%s for the second time", t.Origin)
		}
		names[t.Name], origins[t.Origin] = true, true
		if left == 0 && o.Rollout != nil && wave+1 < len(o.Rollout.Waves) {
			wave++
			left = o.Rollout.Waves[wave]
		} else if i > 0 && o.Targets[i-1].Name > t.Name {
			p.add(field+".Name", "%q after %q: the targets of a wave are sorted", t.Name, o.Targets[i-1].Name)
		}
		left--
	}
}

func (p *Problems) rollout(r Rollout, targets int) {
	sum := 0
	for i, size := range r.Waves {
		if size < 1 || size > TargetsMax {
			p.add(fmt.Sprintf("Rollout.Waves[%d]", i), "%d hosts, must be 1 to %d", size, TargetsMax)
			size = 0
		}
		sum += size
	}
	if len(r.Waves) > TargetsMax || sum != targets {
		p.add("Rollout.Waves", "%d hosts in %d waves, but %d targets", sum, len(r.Waves), targets)
	}
	p.between("Rollout.Wait", r.Wait, 0, LifetimeMax)
	if r.MaxFail < 0 || r.MaxFail > TargetsMax {
		p.add("Rollout.MaxFail", "%d, must be 0 to %d", r.MaxFail, TargetsMax)
	}
	if g := r.Gate; g != nil {
		p.between("Rollout.Gate.Within", g.Within, 0, LifetimeMax)
		switch {
		case len(g.Command) == 0 && g.Check == "":
			p.add("Rollout.Gate", "neither a command nor a check")
		case len(g.Command) > 0 && g.Check != "":
			p.add("Rollout.Gate", "a command and a check; must be one of them")
		case g.Check != "":
			p.word("Rollout.Gate.Check", g.Check)
		default:
			p.arguments("Rollout.Gate.Command", g.Command)
		}
	}
	if len(r.Conductors) < 1 || len(r.Conductors) > conductorsMax {
		p.add("Rollout.Conductors", "%d, must be 1 to %d", len(r.Conductors), conductorsMax)
	}
	for i, c := range r.Conductors {
		if c == (Origin{}) {
			p.add(fmt.Sprintf("Rollout.Conductors[%d]", i), "missing")
		} else if slices.Index(r.Conductors, c) != i {
			p.add(fmt.Sprintf("Rollout.Conductors[%d]", i), "%s for the second time", c)
		}
	}
}

func (p *Problems) command(o Order) {
	p.arguments("Command", o.Command)
	if o.Script == nil {
		if len(o.Command) == 0 || o.Command[0] == "" {
			p.add("Command", "missing: a program, or a script")
		}
		return
	}
	p.word("Script.Name", o.Script.Name)
	if strings.Contains(o.Script.Name, "/") {
		p.add("Script.Name", "%q is a path; must be the name of a file", o.Script.Name)
	}
	p.content("Script", o.Script.Hash, o.Script.Size, 1, ScriptMax)
}

func (p *Problems) arguments(field string, args []string) {
	size := 0
	for i, a := range args {
		size += len(a) + 1
		p.text(fmt.Sprintf("%s[%d]", field, i), a, argsSizeMax)
	}
	if len(args) > argsMax || size > argsSizeMax {
		p.add(field, "%d arguments, %d bytes; limits %d, %d", len(args), size, argsMax, argsSizeMax)
	}
}

func (p *Problems) put(files []File) {
	if len(files) > putFilesMax {
		p.add("Put", "%d files, limit %d", len(files), putFilesMax)
		return
	}
	var size int64
	paths := make(map[string]bool)
	for i, f := range files {
		field := fmt.Sprintf("Put[%d]", i)
		p.path(field+".Path", f.Path)
		if f.Path == "/" || paths[f.Path] {
			p.add(field+".Path", "%q is not a file of its own", f.Path)
		}
		paths[f.Path] = true
		if f.Mode&^0o777 != 0 {
			p.add(field+".Mode", "%#o, must be 0 to 0777", f.Mode)
		}
		p.content(field, f.Hash, f.Size, 0, PutMax)
		size += max(0, min(f.Size, PutMax))
	}
	if size > putSizeMax {
		p.add("Put", "%d bytes in all files, limit %d", size, putSizeMax)
	}
}

func (p *Problems) content(field string, h Hash, size, from, to int64) {
	if h == (Hash{}) {
		p.add(field+".Hash", "missing")
	}
	if size < from || size > to {
		p.add(field+".Size", "%d bytes, must be %d to %d", size, from, to)
	}
}

func (p *Problems) surroundings(o Order) {
	p.word("User", o.User)
	if o.Cwd != "" {
		p.path("Cwd", o.Cwd)
	}
	p.env(o.Env)
	p.between("Timeout", o.Timeout, time.Millisecond, TimeoutMax)
	p.between("Splay", o.Splay, 0, max(0, o.Lifetime))
	if o.Nice < -20 || o.Nice > 19 {
		p.add("Nice", "%d, must be -20 to 19", o.Nice)
	}
	if o.OutputMax < 0 || o.OutputMax > OutputMax {
		p.add("OutputMax", "%d bytes, must be 0 to %d", o.OutputMax, OutputMax)
	}
	if o.ConcurrencyKey != "" {
		p.word("ConcurrencyKey", o.ConcurrencyKey)
	}
}

func (p *Problems) env(env map[string]string) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := env[name]
		size += len(name) + len(value) + 2
		field := fmt.Sprintf("Env[%.40q]", name)
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == '=' || r > '~' || r <= ' ' }) {
			p.add(field, "not the name of a variable")
		}
		p.text(field, value, envSizeMax)
	}
	if len(env) > envMax || size > envSizeMax {
		p.add("Env", "%d variables, %d bytes; limits %d, %d", len(env), size, envMax, envSizeMax)
	}
}

func (p *Problems) between(field string, d, from, to time.Duration) {
	if d < from || d > to {
		p.add(field, "%s, must be %s to %s", d, from, to)
	}
}

// word is one line that people read: a name, a user, a principal.
func (p *Problems) word(field, s string) {
	switch {
	case s == "":
		p.add(field, "missing")
	case len(s) > nameMax:
		p.add(field, "%d bytes, limit %d", len(s), nameMax)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		p.add(field, "%q has characters that cannot be printed", s)
	}
}

func (p *Problems) path(field, s string) {
	p.text(field, s, pathMax)
	if !path.IsAbs(s) || path.Clean(s) != s {
		p.add(field, "%.80q, must be an absolute path without . and ..", s)
	}
}

// text is what the kernel takes for a string, and CBOR for text.
func (p *Problems) text(field, s string, limit int) {
	switch {
	case len(s) > limit:
		p.add(field, "%d bytes, limit %d", len(s), limit)
	case strings.IndexByte(s, 0) >= 0:
		p.add(field, "a zero byte")
	case !utf8.ValidString(s):
		p.add(field, "not UTF-8")
	}
}
