package world

import (
	"fmt"
	"runtime"
)

const (
	// waitingMax bounds what may wait in the queues of a node while things
	// happen; a restart of everything tells each node of each a few times.
	waitingMax = 2000

	// restMax is what may be under way at the moment when a mesh at rest is
	// looked at.
	restMax = 16

	// goroutinesMax is what a node at rest may have: Serf has 14.
	goroutinesMax = 40
)

// queues looks whether something grows that has no end.
func (w *World) queues() *breach {
	for _, h := range w.Up() {
		if n := h.Node(); n != nil && n.Waiting() > waitingMax {
			return &breach{h, nil, fmt.Sprintf("%d things wait in the queues of %s, limit %d", n.Waiting(), h.Name, waitingMax)}
		}
	}
	return nil
}

// drained looks whether what was started has ended.
func (w *World) drained() *breach {
	for _, h := range w.Up() {
		if n := h.Node(); n != nil && n.Waiting() > restMax {
			return &breach{h, nil, fmt.Sprintf("%d things still wait in the queues of %s, and nothing happens", n.Waiting(), h.Name)}
		}
	}
	if n := runtime.NumGoroutine() / len(w.hosts); n > goroutinesMax {
		return &breach{nil, nil, fmt.Sprintf("%d goroutines for each host, limit %d", n, goroutinesMax)}
	}
	return nil
}
