package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
)

// seat is the address of a member of a crowd, or of an agent among them.
func seat(net byte, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, net, byte(i / 200), byte(i%200 + 1)})
}

// gossipPort and peerPort are yodel's defaults.
const (
	gossipPort = 8301
	peerPort   = 8300
)

func gossipAt(i int) string { return netip.AddrPortFrom(seat(yodelNet, i), gossipPort).String() }

// gather is the crowd of yodel members: it starts them one after the other,
// and then answers what they know.
func gather(size int, pace time.Duration) (err error) {
	belief := newBelief()
	var members []*member
	defer func() {
		var wg sync.WaitGroup
		errs := make([]error, len(members))
		for i, m := range members {
			wg.Go(func() { errs[i] = m.close() })
		}
		wg.Wait()
		err = errors.Join(append(errs, err)...)
	}()
	for i := range size {
		m, err := join(i, belief)
		if err != nil {
			return err
		}
		members = append(members, m)
		time.Sleep(max(pace, pace*time.Duration(i)/paceGrows))
	}
	fmt.Println("here")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := json.NewEncoder(os.Stdout).Encode(count(members, belief)); err != nil {
			return err
		}
	}
	return nil
}

// paceGrows is up to how many members the pace holds; then it grows with them,
// since each member hears of each join. A crowd that starves takes its members
// for failed, which costs still more.
const paceGrows = 100

func count(members []*member, b *belief) census {
	c := census{Members: len(members), Alive: 1 << 30, Full: b.full()}
	for _, m := range members {
		alive := 0
		for _, other := range m.mesh.Members() {
			if other.Status == gossip.Alive {
				alive++
			}
		}
		if alive < c.Alive {
			c.Alive, c.Who = alive, m.host.name
		}
	}
	return c
}
