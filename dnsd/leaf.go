package dnsd

// Who may put an entry at a name, the strongest first. Two meet only in odd
// configurations, such as a host domain inside the domain.
const (
	rankHost = iota
	rankService
	rankPTR
	rankAddr
	rankFixed
	rankCount
)

// A leaf is one name of the writer's tree. A name exists if it has an entry or
// if a name below it exists (RFC 4592 section 2.2.2, empty non-terminals).
type leaf struct {
	entries [rankCount]*entry
	below   int // existing names directly below
}

func (l *leaf) entry() *entry {
	for _, e := range l.entries {
		if e != nil {
			return e
		}
	}
	return nil
}

func (l *leaf) exists() bool { return l.below > 0 || l.entry() != nil }

// set puts e (nil: nothing) at key and keeps the names above it true.
func (b *book) set(key string, rank int, e *entry) {
	l := b.leaves[key]
	if l == nil {
		if e == nil {
			return
		}
		l = &leaf{}
		b.leaves[key] = l
	}
	existed := l.exists()
	l.entries[rank] = e
	b.touched.keys[key] = true
	if l.exists() != existed {
		b.settle(key, l)
	}
}

// settle tells the parent that a name began or ceased to exist.
func (b *book) settle(key string, l *leaf) {
	if !l.exists() {
		delete(b.leaves, key)
	}
	z := b.zoneOf(key)
	if z == nil || z.key == key {
		return // an apex always exists; a reverse name is its own
	}
	up := parent(key)
	p := b.leaves[up]
	if p == nil {
		p = &leaf{}
		b.leaves[up] = p
	}
	existed := p.exists()
	if l.exists() {
		p.below++
	} else {
		p.below--
	}
	if p.exists() != existed {
		b.touched.keys[up] = true
		b.settle(up, p)
	}
}

// leafEntry is what the view should hold at key.
func (b *book) leafEntry(key string) *entry {
	l := b.leaves[key]
	if l == nil || !l.exists() {
		return nil
	}
	if e := l.entry(); e != nil {
		return e
	}
	return b.zoneOf(key).empty
}
