package sim

// Mute lets streams pass and no datagrams.
type Mute struct{ A, B string }

func (f Mute) sides() (a, b string) { return f.A, f.B }
func (f Mute) bend(p *path, from, to *Endpoint) {
	if between(f, from, to) {
		p.mute = true
	}
}
func (f Mute) check() error   { return nil }
func (f Mute) String() string { return "mute " + pair(f) }
