package model

import (
	"slices"
	"time"
)

// never is when a member that has not heard of something heard of it.
const never = time.Duration(-1)

// news is one thing that a node says, and who knows it since when.
type news struct {
	id      int32
	mark    uint64 // what it adds to a summary
	size    int16
	born    time.Duration
	heard   []time.Duration // by member
	seen    []bool          // by member: its Serf has had the word
	unaware int             // members that live and do not know
	over    bool            // nobody waits for it any more
}

// say has a member say something new.
func (w *world) say(from int32) *news {
	n := w.announce()
	w.hearWord(from, n, true)
	return n
}

// announce is news that nobody knows yet.
func (w *world) announce() *news {
	n := &news{
		id: int32(len(w.news)), mark: w.random.Uint64() | 1, size: int16(w.News.Size + w.Wire.Word - 1), born: w.now,
		heard: make([]time.Duration, len(w.members)), seen: make([]bool, len(w.members)),
	}
	for i := range n.heard {
		n.heard[i] = never
		if w.members[i].up {
			n.unaware++
		}
	}
	w.news = append(w.news, n)
	return n
}

// hearWord is the arrival of a word at a member's Serf, which tells it again if
// it came by gossip, and at its node, which hands on what is news.
func (w *world) hearWord(i int32, n *news, retell bool) {
	if n.over || n.seen[i] {
		return
	}
	n.seen[i] = true
	if retell {
		w.words++
		m := &w.members[i]
		m.words.put(message{kind: wordMessage, size: n.size, topic: n.id}, w.untold)
		w.tick(i)
	}
	if w.learn(i, n) {
		w.handOn(i, n)
	}
}

// learn has a member know something, by whatever way, and says whether that was
// news. A bridge tells its other mesh.
func (w *world) learn(i int32, n *news) bool {
	if n.heard[i] != never {
		return false
	}
	n.heard[i] = w.now
	w.members[i].knows ^= n.mark
	w.learned(i, n)
	if twin := w.members[i].twin; twin >= 0 && w.members[twin].up {
		w.hearWord(twin, n, true)
	}
	if n.unaware--; n.unaware == 0 {
		w.told(n)
	}
	return true
}

// retire ends the wait for news, and answers when the nodes heard of it.
func (w *world) retire(n *news) Delays {
	d := Delays{Reached: make([]time.Duration, 0, w.Nodes)}
	for i := range w.members {
		if n.heard[i] != never {
			w.members[i].knows ^= n.mark
		}
		switch {
		case i >= w.Nodes || !w.members[i].up:
		case n.heard[i] == never:
			d.Missed++
		default:
			d.Reached = append(d.Reached, n.heard[i]-n.born)
		}
	}
	slices.Sort(d.Reached)
	n.over, n.heard, n.seen = true, nil, nil
	return d
}

// handOn gives a word to a few members at once: package gossip's eager push.
func (w *world) handOn(i int32, n *news) {
	var store [16]int32
	for _, peer := range w.picked(i, w.Settings.EagerNodes, store[:0], func(o int32) bool { return w.state(i, o) == dead }) {
		ref, p := w.packet(wordsOnly, i, peer)
		p.messages = append(p.messages, message{kind: wordMessage, size: n.size, topic: n.id})
		w.count.wordBytes += uint64(n.size) + 1
		w.count.wordPackets++
		w.send(ref, int(n.size)+1)
	}
}

// pullChunks go to and fro in a pull: the two halves of a TLS handshake, the
// end of it with the question, and the answer.
const pullChunks = 4

// pull is what a summary that differs leads to: node's pull, one at a time,
// not too often, and not again soon if it was for nothing.
func (w *world) pull(i, from int32, theirs uint64) {
	m := &w.members[i]
	s := w.Settings
	pause := s.PullPause + s.PullPausePerNode*time.Duration(w.Nodes)
	difference := [2]uint64{theirs, m.knows}
	if last, tried := m.fruitless[difference]; tried && w.now-last < s.PullPatience {
		return
	}
	if m.pulling || m.pulled != 0 && w.now-m.pulled < pause {
		return
	}
	m.pulling, m.pulled = true, w.now
	w.count.pulls++
	at, ok := w.exchange(i, from, pullChunks, w.now+streamTimeout)
	bytes := uint64(w.Wire.Pull + w.Wire.PullPerNode*w.Nodes)
	w.count.streamed += bytes
	w.count.pullBytes += bytes
	w.after(at-w.now, func() { w.pulledAll(i, from, difference, ok) })
}

func (w *world) pulledAll(i, from int32, difference [2]uint64, ok bool) {
	m := &w.members[i]
	m.pulling = false
	if !ok || !m.up || !w.members[from].up {
		return
	}
	fruit := false
	for _, n := range w.news {
		if !n.over && n.heard[from] != never && w.learn(i, n) {
			fruit = true
		}
	}
	if !fruit {
		if m.fruitless == nil {
			m.fruitless = make(map[[2]uint64]time.Duration)
		}
		if len(m.fruitless) > pullsMax {
			clear(m.fruitless)
		}
		m.fruitless[difference] = w.now
	}
}

// pullsMax is how many fruitless differences node remembers.
const pullsMax = 256
