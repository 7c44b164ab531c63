package model

import "time"

// Spreads are what became of news.
type Spreads struct {
	News []Delays // of each, by node; its origin knows at once

	// For each news and node, of words alone: handed on, gossiped, and as part
	// of other packets. A word in another packet costs bytes and no packet.
	Bytes, Packets float64

	Pulls float64 // for each news and node
}

// Spread has nodes say count things, at random places, and waits until all know
// them and nobody repeats them any more, but not longer than Patience.
func Spread(c Config, count int) (Spreads, error) {
	together := 1
	if c.News.Every > 0 {
		together = count
	}
	c, err := c.ready(together, count)
	if err != nil {
		return Spreads{}, err
	}
	w := newWorld(c)
	w.start()
	if err := w.run(w.settleTime(), nil); err != nil {
		return Spreads{}, err
	}
	before := w.count
	var s Spreads
	if together > 1 {
		s.News, err = w.sayTogether(count)
	} else {
		s.News, err = w.sayInTurn(count)
	}
	all := float64(count) * float64(c.Nodes)
	s.Bytes = float64(w.count.wordBytes-before.wordBytes) / all
	s.Packets = float64(w.count.wordPackets-before.wordPackets) / all
	s.Pulls = float64(w.count.pulls-before.pulls) / all
	return s, err
}

// settleTime is how long a world with loss or starved nodes needs until its
// members doubt each other as they will go on to.
func (w *world) settleTime() time.Duration {
	if w.Starved.Nodes == 0 && w.Links.Rack.Loss+w.Links.Datacenter.Loss+w.Links.Between.Loss == 0 {
		return 0
	}
	return 20 * w.Settings.ProbeInterval
}

// sayInTurn says one thing after the other.
func (w *world) sayInTurn(count int) ([]Delays, error) {
	var all []Delays
	for range count {
		if err := w.run(w.now+w.upTo(w.Settings.ProbeInterval), nil); err != nil {
			return nil, err
		}
		n := w.say(int32(w.random.IntN(w.Nodes)))
		if err := w.run(w.now+w.Patience, func() bool { return n.unaware == 0 && w.words == 0 }); err != nil {
			return nil, err
		}
		all = append(all, w.retire(n))
	}
	return all, nil
}

// sayTogether says one thing after the other without waiting for any.
func (w *world) sayTogether(count int) ([]Delays, error) {
	var said []*news
	for range count {
		said = append(said, w.say(int32(w.random.IntN(w.Nodes))))
		if err := w.run(w.now+w.News.Every, nil); err != nil {
			return nil, err
		}
	}
	unaware := count
	w.told = func(*news) { unaware-- }
	for _, n := range said {
		if n.unaware == 0 {
			unaware--
		}
	}
	if err := w.run(w.now+w.Patience, func() bool { return unaware == 0 && w.words == 0 }); err != nil {
		return nil, err
	}
	var all []Delays
	for _, n := range said {
		all = append(all, w.retire(n))
	}
	return all, nil
}
