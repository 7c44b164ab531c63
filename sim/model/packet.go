package model

import "time"

// What packets are.
const (
	wordsOnly = iota // gossip, or a word handed on
	ping
	ack
	indirect
	nack
)

// A packet is a datagram under way.
type packet struct {
	kind     uint8
	from, to int32
	number   int32  // of the probe
	relay    int32  // of a ping and its ack: a place in calls, 1 more than it; 0: a direct one
	target   int32  // of an indirect probe
	knows    uint64 // of an ack: the summary of the news
	living   uint64 // of an ack: the sum of the members
	messages []message
}

// packet is one to fill in.
func (w *world) packet(kind uint8, from, to int32) (int32, *packet) {
	var ref int32
	if n := len(w.free); n > 0 {
		ref, w.free = w.free[n-1], w.free[:n-1]
	} else {
		ref = int32(len(w.packets))
		w.packets = append(w.packets, packet{})
	}
	p := &w.packets[ref]
	*p = packet{kind: kind, from: from, to: to, messages: p.messages[:0]}
	return ref, p
}

// send puts a packet of size bytes on its way, or loses it.
func (w *world) send(ref int32, size int) {
	p := &w.packets[ref]
	w.count.packets++
	w.count.bytes += uint64(size + w.Wire.Overhead)
	link := w.link(p.from, p.to)
	if w.lost(link) || !w.members[p.to].up {
		w.drop(ref)
		return
	}
	at := w.awake(p.to, w.awake(p.from, w.now)+w.delay(link))
	w.push(event{at: at, kind: packetDue, ref: ref})
}

// drop ends a packet, and what its messages hold.
func (w *world) drop(ref int32) {
	for _, one := range w.packets[ref].messages {
		w.let(one)
	}
	w.free = append(w.free, ref)
}

// piggyback fills a packet of size bytes with what its sender has to tell, and
// sends it.
func (w *world) piggyback(ref int32, size int) {
	p := &w.packets[ref]
	m := &w.members[p.from]
	if !m.changes.empty() || !m.words.empty() {
		before := len(p.messages)
		room := datagramMax - size - packetOverhead - w.Wire.Overhead
		w.fill(m, p, room)
		if len(p.messages) > before {
			size += 2*packetOverhead + w.framed(p.messages[before:])
		}
	}
	w.send(ref, size)
}

// fill takes what fits from the queues: membership comes first.
func (w *world) fill(m *member, p *packet, room int) {
	limit := w.groups[m.group].retransmits
	p.messages, room = m.changes.take(p.messages, packetOverhead, room, limit, w.taken, w.untold)
	p.messages, _ = m.words.take(p.messages, packetOverhead+1, room, limit, w.taken, w.untold)
}

// taken is a message that goes from a queue into a packet, or is copied.
func (w *world) taken(one message, stays bool) {
	switch {
	case stays:
		w.hold(one)
	case one.kind == wordMessage:
		w.words--
	}
}

// framed is the length of messages in a compound.
func (w *world) framed(messages []message) int {
	size := 0
	for _, one := range messages {
		size += int(one.size) + packetOverhead
		if one.kind == wordMessage {
			size++
			w.count.wordBytes += uint64(one.size) + packetOverhead + 1
		}
	}
	return size
}

// untold is a message that goes from a queue without another word.
func (w *world) untold(one message) {
	if one.kind == wordMessage {
		w.words--
	} else {
		w.let(one)
	}
}

// gossip is a round of timer-driven gossip.
func (w *world) gossip(i int32) {
	m := &w.members[i]
	m.ticking = false
	if !m.up {
		return
	}
	var store [8]int32
	peers := w.picked(i, w.Settings.GossipNodes, store[:0], func(o int32) bool { return w.goneFor(i, o) > gossipToTheDead })
	for _, peer := range peers {
		if m.changes.empty() && m.words.empty() {
			return
		}
		ref, p := w.packet(wordsOnly, i, peer)
		w.fill(m, p, datagramMax-packetOverhead-w.Wire.Overhead)
		size := w.framed(p.messages) + w.Wire.Checksum
		if len(p.messages) == 1 {
			size -= packetOverhead
		} else {
			size += packetOverhead
		}
		if p.messages[len(p.messages)-1].kind == wordMessage {
			w.count.wordPackets++
		}
		w.send(ref, size)
	}
	w.tick(i)
}

// gossipToTheDead is how long a member that was given up is still told things:
// memberlist's GossipToTheDeadTime, so that it can object.
const gossipToTheDead = 30 * time.Second

// tick has a member gossip at its next tick, if it has something to tell.
func (w *world) tick(i int32) {
	m := &w.members[i]
	if m.ticking || m.changes.empty() && m.words.empty() {
		return
	}
	m.ticking = true
	w.push(event{at: following(w.now, m.gossipPhase, w.Settings.GossipInterval), kind: gossipDue, member: i})
}

// following is the first tick of a ticker after a time.
func following(now, phase, interval time.Duration) time.Duration {
	if now < phase {
		return phase
	}
	return phase + ((now-phase)/interval+1)*interval
}

// receive is the arrival of a packet. Its messages are handled as memberlist
// does: of what came together the newest first, and news of the living before
// all else.
func (w *world) receive(ref int32) {
	p := w.packets[ref] // a copy: handling it may send others
	to := p.to
	if w.members[to].up {
		w.answer(p)
		for i := len(p.messages) - 1; i >= 0; i-- {
			if p.messages[i].kind == aliveMessage {
				w.heed(to, p.messages[i])
			}
		}
		for i := len(p.messages) - 1; i >= 0; i-- {
			if p.messages[i].kind != aliveMessage {
				w.heed(to, p.messages[i])
			}
		}
		w.tick(to)
	}
	w.drop(ref)
}

func (w *world) heed(i int32, one message) {
	switch one.kind {
	case aliveMessage:
		w.hearAlive(i, one)
	case suspectMessage:
		w.hearSuspect(i, one)
	case deadMessage:
		w.hearDead(i, one)
	case wordMessage:
		if !w.News.Silent {
			w.hearWord(i, w.news[one.topic], true)
		}
	}
}
