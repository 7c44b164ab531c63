package dnsd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A Server answers questions about the hosts it was given. Its methods may be
// called from anywhere, at once.
type Server struct {
	live    atomic.Pointer[settings]
	view    *view
	serial  atomic.Uint32 // of the SOA records: grows with every change
	forward *forwarder

	mu        sync.Mutex // guards what follows; held for memory work only
	book      *book
	tallies   []*tally
	listeners []*listener
	closed    bool

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New makes a server without hosts that does not listen yet. Its error has all
// problems of c.
func New(c Config) (*Server, error) {
	live, err := newSettings(c)
	if err != nil {
		return nil, fmt.Errorf("configure DNS: %w", err)
	}
	s := &Server{view: newView(), book: newBook(live)}
	s.live.Store(live)
	s.forward = newForwarder(s.isOwn)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.publish()
	return s, nil
}

// SetConfig changes how to answer while running. Domain, AltDomains,
// HostDomains, Datacenter and Workers stay: a change of those is an error.
func (s *Server) SetConfig(c Config) error {
	fresh, err := newSettings(c)
	if err != nil {
		return fmt.Errorf("configure DNS: %w", err)
	}
	if err := fresh.sameIdentity(s.live.Load()); err != nil {
		return fmt.Errorf("configure DNS: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.book
	s.book = newBook(fresh)
	s.book.disputed = old.disputed
	for _, h := range old.snapshot() {
		s.book.put(h)
	}
	for key := range old.leaves {
		s.book.touched.keys[key] = true // those that are gone now, too
	}
	s.live.Store(fresh)
	s.publish()
	return nil
}

func (s *settings) sameIdentity(o *settings) error {
	var errs []error
	keep := func(name string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s: takes effect only after a restart", name))
		}
	}
	keep("domain", strings.EqualFold(dns.Fqdn(s.Domain), dns.Fqdn(o.Domain)))
	keep("alt_domain", slices.Equal(s.AltDomains, o.AltDomains))
	keep("host_domains", slices.Equal(s.HostDomains, o.HostDomains))
	keep("datacenter", s.Datacenter == o.Datacenter)
	keep("workers", s.Workers == o.Workers)
	return errors.Join(errs...)
}

// Put adds hosts, or replaces those of the same name. Only what changed costs.
func (s *Server) Put(hosts ...Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, h := range hosts {
		changed = s.book.put(h) || changed
	}
	if changed {
		s.publish()
	}
}

// Remove forgets hosts. Failed ones are not removed but Put with Down.
func (s *Server) Remove(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, name := range names {
		changed = s.book.remove(name) || changed
	}
	if changed {
		s.publish()
	}
}

// publish makes the book's changes visible. Caller holds s.mu.
func (s *Server) publish() {
	s.view.publish(s.book.flush())
	s.serial.Store(max(s.serial.Load()+1, uint32(time.Now().Unix())))
}

// Conflicts are the names and addresses that several hosts claim.
func (s *Server) Conflicts() []Conflict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.conflicts()
}

// Listen answers on addr over UDP and TCP, both on one port; port 0 takes any
// free one. It may be called for several addresses.
func (s *Server) Listen(addr string) error {
	ap, err := listenAddr(addr)
	if err != nil {
		return fmt.Errorf("listen for DNS on %s: %w", addr, err)
	}
	l, err := s.open(ap)
	if err != nil {
		return fmt.Errorf("listen for DNS on %s: %w", addr, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.close()
		return fmt.Errorf("listen for DNS on %s: %w", addr, net.ErrClosed)
	}
	s.listeners = append(s.listeners, l)
	for _, w := range l.udp {
		s.tallies = append(s.tallies, &w.tally)
		s.wg.Go(func() { w.serve(s) })
	}
	t := &tally{}
	s.tallies = append(s.tallies, t)
	s.wg.Go(func() { l.tcp.serve(s, t) })
	return nil
}

// A listener is one address: some UDP sockets and a TCP socket.
type listener struct {
	addr netip.AddrPort
	udp  []*worker
	tcp  *stream
}

// close makes the serving goroutines return; it does not wait for them.
func (l *listener) close() {
	for _, w := range l.udp {
		w.wake()
	}
	if l.tcp != nil {
		l.tcp.close()
	}
}

// portTries: a free UDP port may be taken for TCP; each try draws another.
const portTries = 16

func (s *Server) open(ap netip.AddrPort) (*listener, error) {
	var err error
	for range portTries {
		var l *listener
		if l, err = s.openOnce(ap); err == nil || ap.Port() != 0 {
			return l, err
		}
	}
	return nil, err
}

func (s *Server) openOnce(ap netip.AddrPort) (*listener, error) {
	workers, bound, err := openWorkers(ap, s.live.Load().Workers)
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(bound))
	if err != nil {
		for _, w := range workers {
			w.close()
		}
		return nil, err
	}
	return &listener{addr: bound, udp: workers, tcp: newStream(ln)}, nil
}

func listenAddr(addr string) (netip.AddrPort, error) {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ap := udp.AddrPort()
	ip := ap.Addr().Unmap()
	if udp.IP == nil {
		ip = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(ip, ap.Port()), nil
}

// Addrs are the addresses that Listen got, in order.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netip.AddrPort
	for _, l := range s.listeners {
		out = append(out, l.addr)
	}
	return out
}

// isOwn tells whether a recursor's address is one that we listen on ourselves.
func (s *Server) isOwn(r netip.AddrPort) bool {
	for _, own := range s.Addrs() {
		if own.Port() != r.Port() {
			continue
		}
		if own.Addr() == r.Addr() || own.Addr().IsUnspecified() && isLocal(r.Addr()) {
			return true
		}
	}
	return false
}

func isLocal(a netip.Addr) bool {
	addrs, _ := net.InterfaceAddrs()
	return a.IsLoopback() || slices.ContainsFunc(addrs, func(l net.Addr) bool {
		n, ok := l.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	})
}

// healthyIn is the patience of Healthy: resolvers try again after 5 s, and a
// busy host answers within milliseconds.
const healthyIn = 2 * time.Second

// Healthy asks each address for the SOA of the domain, over UDP as a client
// would. An error says that clients get no answers either. It returns within
// 2 s, whatever ctx allows.
func (s *Server) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthyIn)
	defer cancel()
	addrs := s.Addrs()
	if len(addrs) == 0 {
		return errors.New("query own DNS: not listening")
	}
	req := new(dns.Msg).SetQuestion(dns.Fqdn(s.live.Load().Domain), dns.TypeSOA)
	for _, ap := range addrs {
		switch {
		case !ap.Addr().IsUnspecified():
		case ap.Addr().Is4():
			ap = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port())
		default:
			ap = netip.AddrPortFrom(netip.IPv6Loopback(), ap.Port())
		}
		got, err := exchangeOver(ctx, "udp", ap, req)
		if err != nil {
			return fmt.Errorf("query own DNS: %w", err)
		}
		if got.Rcode != dns.RcodeSuccess || len(got.Answer) == 0 {
			return fmt.Errorf("query own DNS at %s: %s without SOA", ap, rcodeName(got.Rcode))
		}
	}
	return nil
}

// Close stops listening and waits until nothing runs any more, or for ctx.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	listeners := s.listeners
	s.mu.Unlock()
	s.stop()
	for _, l := range listeners {
		l.close()
	}
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close DNS: %w", ctx.Err())
	}
}
