package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/peer"
)

// verbPull asks a peer for what we lack.
const verbPull = "pull"

// Limits of pulling.
const (
	pullsMax     = 256                    // waiting at once; one more is found again by comparing
	pullPause    = 300 * time.Millisecond // between two pulls that only a summary asked for,
	pullPauseOf  = time.Millisecond       // and so much more for each node: a digest grows with them
	pullFruitful = 10 * time.Second       // how long two summaries that led to nothing are left alone
	pullSpread   = time.Millisecond       // for each node of the mesh: nobody is asked by all at once
	pullDirect   = 16                     // of all nodes, about so many ask the origin itself
	pullTries    = 4                      // a peer may not have it yet either
	frameTarget  = 256 << 10              // bytes of deltas in one frame
	rowsMax      = 2 * catalog.OriginsMax // of a digest that a peer may send
)

// pull is a wish to learn what another node knows.
type pull struct {
	from   catalog.Origin
	only   catalog.Origin // zero: everything
	number uint64         // of only, what there is to know
	spread bool           // many nodes have the same wish at this moment
	theirs uint64         // the summary that made us ask; 0: none
	tries  int
}

// pullSoon asks for a pull. It never waits.
func (n *Node) pullSoon(p pull) {
	select {
	case n.pulls <- p:
	default:
		n.count.pullsDropped.Add(1)
	}
}

// pullWhenAsked carries out pulls, a few at a time.
func (n *Node) pullWhenAsked(ctx context.Context) {
	type difference struct{ theirs, ours uint64 }
	var last time.Time
	fruitless := make(map[difference]time.Time)
	for {
		var p pull
		select {
		case p = <-n.pulls:
		case <-ctx.Done():
			return
		}
		if p.theirs == 0 {
			n.pullLater(ctx, p)
			continue
		}
		d := difference{p.theirs, n.summary.Load()}
		if d.theirs == d.ours || time.Since(last) < pullPause+pullPauseOf*time.Duration(n.catalog.View().Len()) || time.Since(fruitless[d]) < pullFruitful {
			continue
		}
		last = time.Now()
		if news, err := n.pull(ctx, p.from, p.only); err == nil && news == 0 {
			if len(fruitless) > pullsMax {
				clear(fruitless)
			}
			fruitless[d] = time.Now()
		}
	}
}

// pullLater carries out the pull of one origin. When many nodes want it at
// once, each waits a moment of its own and most ask somebody else.
func (n *Node) pullLater(ctx context.Context, p pull) {
	select {
	case n.pulling <- struct{}{}:
	default:
		n.count.pullsDropped.Add(1)
		return
	}
	n.wg.Go(func() {
		defer func() { <-n.pulling }()
		for {
			if p.spread {
				select {
				case <-time.After(rand.N(pullSpread*time.Duration(n.catalog.View().Len()) + pullSpread)):
				case <-ctx.Done():
					return
				}
			}
			if n.knows(p) {
				return
			}
			if _, err := n.pull(ctx, n.source(p), p.only); err != nil && ctx.Err() == nil {
				n.log.Debug("pull", "err", err)
			}
			if p.tries++; p.tries >= pullTries || n.knows(p) {
				return
			}
		}
	})
}

func (n *Node) knows(p pull) bool {
	if p.only == (catalog.Origin{}) {
		return p.tries > 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.catalog.Digest(p.only)[0].Have >= p.number
}

// source is whom to ask: the origin if the mesh is small or by lot, else
// anybody.
func (n *Node) source(p pull) catalog.Origin {
	peers := n.mesh.Peers()
	if !p.spread || len(peers) == 0 || rand.IntN(len(peers)) < pullDirect {
		return p.from
	}
	o, err := catalog.ParseOrigin(peers[rand.IntN(len(peers))])
	if err != nil {
		return p.from
	}
	return o
}

// pull asks one node for what we lack and takes it through the door. It
// answers how many entries were news.
func (n *Node) pull(ctx context.Context, from, only catalog.Origin) (int, error) {
	p := n.catalog.View().ByOrigin(from)
	if p == nil || p.Address == "" || p.PeerPort == 0 {
		return 0, fmt.Errorf("pull from %s: no address known", from)
	}
	n.count.pulls.Add(1)
	s, err := n.dialer.Dial(ctx, net.JoinHostPort(p.Address, strconv.Itoa(p.PeerPort)), from, verbPull)
	if err != nil {
		return 0, fmt.Errorf("pull from %s: %w", p.Name, err)
	}
	defer s.Close()
	n.mu.Lock()
	q := catalog.Question{All: only == catalog.Origin{}, Rows: n.catalog.Digest(only)}
	n.mu.Unlock()
	b, err := catalog.Encode(q)
	if err != nil {
		return 0, err
	}
	if err := s.Send(b); err != nil {
		return 0, fmt.Errorf("pull from %s: %w", p.Name, err)
	}
	news, err := n.takeAll(s)
	if err != nil {
		return news, fmt.Errorf("pull from %s: %w", p.Name, err)
	}
	return news, nil
}

func (n *Node) takeAll(s *peer.Stream) (int, error) {
	news := 0
	for {
		b, err := s.Receive()
		if errors.Is(err, io.EOF) {
			return news, nil
		}
		if err != nil {
			return news, err
		}
		var deltas []catalog.Delta
		if err := catalog.Decode(b, &deltas); err != nil {
			return news, err
		}
		for _, one := range n.learn(deltas...) {
			news += len(one.Entries)
		}
	}
}

// servePull answers a peer's question.
func (n *Node) servePull(_ context.Context, _ [16]byte, s *peer.Stream) error {
	b, err := s.Receive()
	if err != nil {
		return err
	}
	var q catalog.Question
	if err := catalog.Decode(b, &q); err != nil {
		return err
	}
	if len(q.Rows) > rowsMax {
		return fmt.Errorf("digest of %d rows, limit %d", len(q.Rows), rowsMax)
	}
	n.mu.Lock()
	missing := n.catalog.Missing(q.Rows, q.All)
	n.mu.Unlock()
	for len(missing) > 0 {
		frame, rest, err := nextFrame(missing)
		if err != nil {
			return err
		}
		if err := s.Send(frame); err != nil {
			return err
		}
		missing = rest
	}
	return nil
}

// nextFrame encodes as many deltas as make a frame of a good size, at least one.
func nextFrame(deltas []catalog.Delta) (frame []byte, rest []catalog.Delta, err error) {
	size, count := 0, 0
	for count < len(deltas) {
		for _, e := range deltas[count].Entries {
			size += len(e.Key) + len(e.Value) + 16
		}
		if count > 0 && size > frameTarget {
			break
		}
		count++
	}
	frame, err = catalog.Encode(deltas[:count])
	return frame, deltas[count:], err
}
