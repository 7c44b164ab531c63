package gossip

import "time"

// Exchanges of the whole member list repair what gossip has lost. Serf makes
// them by the clock, which is most of what a large idle mesh sends; here the
// acks tell when there is a difference, and only then one is made.
const (
	exchangeQuiet = 3 * time.Second  // a change is on its way to all for so long
	exchangePause = 5 * time.Second  // between two exchanges,
	exchangeOf    = time.Millisecond // and so much more for each member: a list grows with them
	exchangeLate  = 20 * time.Second // with changes all the time, one is made all the same
)

// differSoon asks for an exchange with the member at an address. It never
// waits.
func (m *Mesh) differSoon(address string) {
	select {
	case m.differs <- address:
	default:
	}
}

// exchange compares member lists with those who see others alive than we do.
func (m *Mesh) exchange() {
	last := time.Now()
	for {
		select {
		case address := <-m.differs:
			since := time.Since(last)
			quiet := time.Since(time.Unix(0, m.moved.Load())) >= exchangeQuiet
			if since < exchangePause+exchangeOf*time.Duration(m.size()) || !quiet && since < exchangeLate {
				continue
			}
			last = time.Now()
			m.exchanged.Add(1)
			// Not Serf's Join: that tells the whole mesh. One that fails is tried
			// again with the next who differs.
			_, _ = m.serf.Memberlist().Join([]string{address})
		case <-m.done:
			return
		}
	}
}
