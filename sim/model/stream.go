package model

import "time"

// How TCP waits out loss, as package sim's streams do: a lost SYN is sent again
// after 1, 3, 7, ... seconds, a lost segment after 0.2, 0.6, 1.4, ...
const (
	synRetry     = time.Second
	segmentRetry = 200 * time.Millisecond
)

// dial is when a stream is open, unless that is later than until.
func (w *world) dial(from, to int32, at, until time.Duration) (time.Duration, bool) {
	link := w.link(from, to)
	for retry := synRetry; at <= until; retry *= 2 {
		if w.members[to].up && !w.lost(link) && !w.lost(link) {
			at = w.awake(to, w.awake(from, at)+w.delay(link))
			at = w.awake(from, at+w.delay(link))
			return at, at <= until
		}
		at += retry
	}
	return at, false
}

// chunk is when some bytes arrive on an open stream, unless that is later than
// until.
func (w *world) chunk(from, to int32, at, until time.Duration) (time.Duration, bool) {
	link := w.link(from, to)
	at = w.awake(from, at) + w.delay(link)
	for retry := segmentRetry; at <= until; retry *= 2 {
		if w.members[to].up && !w.lost(link) {
			at = w.awake(to, at)
			return at, at <= until
		}
		at += retry
	}
	return at, false
}

// exchange is when count chunks have gone to and fro on a new stream.
func (w *world) exchange(from, to int32, count int, until time.Duration) (time.Duration, bool) {
	at, ok := w.dial(from, to, w.now, until)
	for ; ok && count > 0; count-- {
		at, ok = w.chunk(from, to, at, until)
		from, to = to, from
	}
	return at, ok
}

// streamTimeout is what package gossip and package peer wait for a stream.
const streamTimeout = 5 * time.Second

// pushPull exchanges the lists of two members: memberlist's pushPull.
func (w *world) pushPull(i int32) {
	m := &w.members[i]
	if !m.up {
		return
	}
	g := w.groups[m.group]
	again := g.pushPull
	defer func() { w.after(again, func() { w.pushPull(i) }) }()
	var store [1]int32
	peer := w.picked(i, 1, store[:0], func(o int32) bool { return w.state(i, o) != alive })
	if len(peer) == 0 {
		return
	}
	if took, ok := w.swap(i, peer[0], func() {}); ok {
		again += took
	}
}

// swap has two members exchange their lists, and says how long that takes.
func (w *world) swap(i, peer int32, after func()) (time.Duration, bool) {
	at, ok := w.exchange(i, peer, 2, w.now+streamTimeout)
	if !ok {
		w.after(streamTimeout, after)
		return 0, false
	}
	words := min(w.News.Before+len(w.news), w.Settings.EventBuffer)
	members := w.groups[w.members[i].group].size()
	bytes := uint64(2 * (w.Wire.PushPull + members*w.Wire.PushPullPerMember + words*(w.News.Size+w.Wire.PushPullPerWord)))
	w.count.streamed += bytes
	w.count.pushPullBytes += bytes
	w.after(at-w.now, func() {
		w.merge(i, peer)
		after()
	})
	return at - w.now, true
}

// exchangeLists is what a sum of members that differs leads to: package
// gossip's exchange, not while a change is on its way to all, and not often.
func (w *world) exchangeLists(i, peer int32) {
	m := &w.members[i]
	s := w.Settings
	since := w.now - m.exchanged
	pause := s.ExchangePause + s.ExchangePausePerNode*time.Duration(w.groups[m.group].size())
	if m.exchanging || since < pause || w.now-m.moved < s.ExchangeQuiet && since < s.ExchangeLate {
		return
	}
	m.exchanging, m.exchanged = true, w.now
	w.swap(i, peer, func() { w.members[i].exchanging = false })
}

// merge has two members believe each other's lists: memberlist's mergeState.
func (w *world) merge(a, b int32) {
	if !w.members[a].up || !w.members[b].up {
		return
	}
	group := w.members[a].group
	for at := 0; at < len(w.subjects); at++ {
		s := w.subjects[at]
		if s == nil || w.members[s.member].group != group {
			continue
		}
		of, mine, theirs := s.member, *w.view(a, s.member), *w.view(b, s.member)
		s.held++ // it must not be forgotten in between
		w.mergeOne(a, of, theirs)
		w.mergeOne(b, of, mine)
		w.release(of)
	}
	for _, n := range w.news {
		if n.over || w.News.Silent {
			continue
		}
		if mine, theirs := n.seen[a], n.seen[b]; mine != theirs {
			to := a
			if mine {
				to = b
			}
			w.hearWord(to, n, false)
		}
	}
}

func (w *world) mergeOne(i, of int32, theirs view) {
	if theirs.state == alive {
		w.hearAlive(i, message{kind: aliveMessage, size: int16(w.Wire.Alive), topic: of, from: of, life: theirs.life})
	} else {
		w.hearSuspect(i, w.accusation(i, of, theirs.life))
	}
}
