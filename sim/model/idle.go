package model

import (
	"time"
)

// Traffic is what a node sends, on average over all nodes. It receives as much,
// less what is lost. Bytes are payload, without the headers of IP, UDP and TCP,
// unless Wire.Overhead counts them.
type Traffic struct {
	Packets, Bytes float64 // datagrams, each second
	Streams        float64 // bytes of streams each second, both ways, of those that it opens:
	PushPull       float64 // of these, exchanges of the member list
	Pulls          float64 // of these, pulls
}

// Doubts are what went wrong in a mesh of which nobody died.
type Doubts struct {
	Suspicions int // probes that failed
	Refutes    int // times that a node said that it lives
	Failures   int // times that a node gave another up
	Victims    int // nodes that were given up by any other
	Traffic    Traffic
}

// Idle is what a mesh costs that has nothing to say.
func Idle(c Config, length time.Duration) (Traffic, error) {
	d, err := Suspicions(c, length)
	return d.Traffic, err
}

// Suspicions lets a mesh live for a time with its loss and its starved nodes,
// and counts what it wrongly believed.
func Suspicions(c Config, length time.Duration) (Doubts, error) {
	c, err := c.ready(0, 0)
	if err != nil {
		return Doubts{}, err
	}
	w := newWorld(c)
	w.start()
	if err := w.run(w.settleTime(), nil); err != nil {
		return Doubts{}, err
	}
	var d Doubts
	victims := make(map[int32]bool)
	w.failed = func(_, of int32) {
		d.Failures++
		victims[w.node(of)] = true
	}
	before := w.count
	if err := w.run(w.now+length, nil); err != nil {
		return Doubts{}, err
	}
	d.Victims = len(victims)
	d.Suspicions, d.Refutes = w.count.suspicions-before.suspicions, w.count.refutes-before.refutes
	d.Traffic = w.count.since(before, float64(c.Nodes)*length.Seconds())
	return d, nil
}

func (t tally) since(before tally, share float64) Traffic {
	return Traffic{
		Packets:  float64(t.packets-before.packets) / share,
		Bytes:    float64(t.bytes-before.bytes) / share,
		Streams:  float64(t.streamed-before.streamed) / share,
		PushPull: float64(t.pushPullBytes-before.pushPullBytes) / share,
		Pulls:    float64(t.pullBytes-before.pullBytes) / share,
	}
}
