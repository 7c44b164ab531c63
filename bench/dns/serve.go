package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/yodel-mesh/yodel/dnsd"
)

// serve is the server process: our DNS with the data, on addr, changing it
// some times a second.
func serve(addr string, changes int) error {
	s, err := dnsd.New(dnsd.Config{Datacenter: "dc1"})
	if err != nil {
		return err
	}
	all := hosts()
	s.Put(all...)
	if err := s.Listen(addr); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if changes > 0 {
		change(ctx, s, all, time.Second/time.Duration(changes))
	}
	<-ctx.Done()
	return s.Close(context.Background())
}

// change alternates between the two changes that happen in a fleet: an
// instance's health, and what a node says of itself.
func change(ctx context.Context, s *dnsd.Server, all []dnsd.Host, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n%2 == 0 {
			h := &all[runsOn(rand.IntN(services), rand.IntN(instances))]
			h.Instances = slices.Clone(h.Instances)
			h.Instances[0].Health ^= dnsd.Critical
			s.Put(*h)
			continue
		}
		h := &all[rand.IntN(nodes)]
		h.Meta = map[string]string{"generation": fmt.Sprint(n)}
		s.Put(*h)
	}
}
