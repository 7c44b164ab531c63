package model

import "time"

// probe begins to probe the next member in turn: memberlist's probeNode.
func (w *world) probe(i int32) {
	m := &w.members[i]
	if !m.up {
		return
	}
	target := w.next(i)
	if target < 0 {
		w.push(event{at: following(w.now, m.probePhase, w.Settings.ProbeInterval), kind: probeDue, member: i})
		return
	}
	allowed := w.Settings.ProbeInterval * time.Duration(m.score+1)
	m.probing = probing{number: m.probing.number + 1, target: target, began: w.now, until: w.now + allowed, life: w.lifeOf(i, target), open: true}
	ref, p := w.packet(ping, i, target)
	p.number = m.probing.number
	if w.state(i, target) == suspect { // it shall know, so that it can object
		one := w.accusation(i, target, m.probing.life)
		w.hold(one)
		p.messages = append(p.messages, one)
		w.send(ref, w.Wire.Checksum+3*packetOverhead+w.Wire.Ping+w.Wire.Suspect)
	} else {
		w.piggyback(ref, w.Wire.Ping)
	}
	w.push(event{at: w.now + w.Settings.ProbeTimeout, kind: answerDue, member: i, ref: m.probing.number})
}

// answer does what a packet of a probe asks for.
func (w *world) answer(p packet) {
	switch p.kind {
	case ping:
		ref, q := w.packet(ack, p.to, p.from)
		q.number, q.relay = p.number, p.relay
		q.knows, q.living = w.members[p.to].knows, w.members[p.to].living
		w.piggyback(ref, w.Wire.Ack)
	case ack:
		if p.relay > 0 {
			w.relayBack(p)
		} else {
			w.acknowledged(p)
		}
	case indirect:
		w.relay(p)
	case nack:
		if pr := &w.members[p.to].probing; pr.open && pr.number == p.number {
			pr.nacks++
		}
	}
}

// acknowledged ends a probe well.
func (w *world) acknowledged(p packet) {
	m := &w.members[p.to]
	pr := &m.probing
	if !pr.open || pr.number != p.number {
		return
	}
	direct := w.now < pr.began+w.Settings.ProbeTimeout
	w.probed(p.to, -1)
	if direct && w.Settings.ExchangePause > 0 && p.living != m.living {
		w.exchangeLists(p.to, p.from)
	}
	if direct && w.Settings.PullPause > 0 && p.knows != m.knows {
		w.pull(p.to, p.from, p.knows)
	}
}

// probed closes a probe and begins the next one at its time: the ticker keeps
// one tick for who is late.
func (w *world) probed(i int32, change int) {
	m := &w.members[i]
	m.probing.open = false
	m.score = int8(min(max(int(m.score)+change, 0), w.Settings.AwarenessMax-1))
	at := following(m.probing.began, m.probePhase, w.Settings.ProbeInterval)
	if at < w.now {
		at = w.now
	}
	w.push(event{at: at, kind: probeDue, member: i})
}

// probeLate asks others to probe whom we could not reach, and tries a stream.
func (w *world) probeLate(i, number int32) {
	m := &w.members[i]
	pr := &m.probing
	if !m.up || !pr.open || pr.number != number {
		return
	}
	w.push(event{at: pr.until, kind: probeEnd, member: i, ref: number})
	var store [8]int32
	target := pr.target
	peers := w.picked(i, w.Settings.IndirectChecks, store[:0], func(o int32) bool { return o == target || w.state(i, o) != alive })
	pr.expected = int8(len(peers))
	for _, peer := range peers {
		ref, p := w.packet(indirect, i, peer)
		p.number, p.target = number, target
		w.piggyback(ref, w.Wire.Indirect)
	}
	pr = &w.members[i].probing
	pr.contact = w.contact(i, target, pr.until)
}

// contact is when a probe over a stream is answered, or 0: not before until.
func (w *world) contact(from, to int32, until time.Duration) time.Duration {
	at, ok := w.dial(from, to, w.now, until)
	if ok {
		at, ok = w.chunk(from, to, at, until)
	}
	if ok {
		at, ok = w.chunk(to, from, at, until)
	}
	if !ok {
		return 0
	}
	w.count.streamed += uint64(w.Wire.StreamPing)
	return at
}

// probeOver is the end of a probe that nobody has answered.
func (w *world) probeOver(i, number int32) {
	m := &w.members[i]
	pr := m.probing
	if !m.up || !pr.open || pr.number != number {
		return
	}
	if pr.contact > 0 {
		w.probed(i, -1)
		return
	}
	change := int(pr.expected - pr.nacks)
	if pr.expected == 0 {
		change = 1
	}
	w.probed(i, change)
	w.count.suspicions++
	w.suspects(i, pr.target)
	w.hearSuspect(i, w.accusation(i, pr.target, pr.life))
	w.tick(i)
}

// asked is an indirect probe that a member carries out for another.
type asked struct{ by, number int32 }

// relay probes for another, and says so if there is no answer.
func (w *world) relay(p packet) {
	w.relays++
	number := w.relays
	w.askedFor[number] = asked{p.from, p.number}
	ref, q := w.packet(ping, p.to, p.target)
	q.number, q.relay = number, number
	w.piggyback(ref, w.Wire.Ping)
	w.after(w.Settings.ProbeTimeout, func() {
		if _, open := w.askedFor[number]; !open || !w.members[p.to].up {
			return
		}
		delete(w.askedFor, number)
		ref, q := w.packet(nack, p.to, p.from)
		q.number = p.number
		w.piggyback(ref, w.Wire.Nack)
	})
}

// relayBack passes on that the member lives.
func (w *world) relayBack(p packet) {
	a, open := w.askedFor[p.relay]
	if !open {
		return
	}
	delete(w.askedFor, p.relay)
	ref, q := w.packet(ack, p.to, a.by)
	q.number = a.number
	w.piggyback(ref, w.Wire.RelayedAck)
}
