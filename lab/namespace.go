//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// in runs f on a thread that stands in a network namespace. Sockets that it
// makes stay there; goroutines that it starts do not run there.
func in(namespace string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		back, err := enter(namespace)
		if err == nil {
			err = f()
			// The thread must live on where it can: programs that were started
			// from it die with it (Pdeathsig). Where it cannot go back it stays
			// locked, and ends with this goroutine.
			if left := back(); left == nil {
				runtime.UnlockOSThread()
			}
		}
		done <- err
	}()
	return <-done
}

// enter moves this thread into a namespace; back moves it to where it was.
func enter(namespace string) (back func() error, err error) {
	was, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open own namespace: %w", err)
	}
	fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open namespace %s: %w", namespace, err), unix.Close(was))
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return nil, errors.Join(fmt.Errorf("enter namespace %s: %w", namespace, err), unix.Close(was))
	}
	return func() error {
		defer unix.Close(was)
		return unix.Setns(was, unix.CLONE_NEWNET)
	}, nil
}

// Dial connects as a program on the host would. The address is literal.
func (h *Host) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = in(h.namespace, func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen listens on the host. The address is literal.
func (h *Host) Listen(network, address string) (l net.Listener, err error) {
	err = in(h.namespace, func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket takes packets on the host. The address is literal.
func (h *Host) ListenPacket(network, address string) (c net.PacketConn, err error) {
	err = in(h.namespace, func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}
