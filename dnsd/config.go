package dnsd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config is how to answer. The zero value serves "yodel." with TTL 0 and no
// recursors.
type Config struct {
	Domain      string   // default "yodel."
	AltDomains  []string // further domains with the same names (a migration's old and new)
	Datacenter  string   // our own: service names without a data centre mean this one; "": every one
	HostDomains []string // zones whose host names (or, in-addr.arpa and ip6.arpa, reverse names) are ours alone

	NameServer  []netip.Addr // addresses of ns.<zone>, usually this agent's own
	NodeTTL     time.Duration
	ServiceTTL  time.Duration
	ServiceTTLs map[string]time.Duration // by service; "web*" matches a prefix, the longest wins
	SOA         SOA

	ARecordLimit int  // answers of a service over UDP without EDNS; 0 means 3, negative no limit
	OnlyPassing  bool // drop instances with a warning, too

	Recursors       []string      // "IP" or "IP:port"; asked in this order
	RandomRecursors bool          // in any order instead
	RecursorTimeout time.Duration // for each of them; default 2 s, as Consul's

	Workers int // UDP sockets; default one per core, at most 16
	Logger  *slog.Logger
}

// SOA has the timers of the zones' SOA record; zero means the default.
type SOA struct {
	Refresh time.Duration // default 3600 s
	Retry   time.Duration // default 600 s
	Expire  time.Duration // default 86400 s
	MinTTL  time.Duration // how long a negative answer may be kept; default 0
}

const (
	defaultDomain  = "yodel."
	defaultLimit   = 3               // Consul's udp_answer_limit
	defaultTimeout = 2 * time.Second // two recursors fit into a resolver's usual 5 s
	workersMax     = 16              // one core answers some 300,000/s; more sockets only cost threads
	recursorsMax   = 8               // more than a resolver's patience can ask one after the other
	zonesMax       = 64              // an unknown name is compared with each
)

// settings is a checked Config with everything derived from it. Immutable.
type settings struct {
	Config
	domains   []*zone // the domain first, then the alternatives
	zones     []*zone // all, the longest name first
	reverse   *zone   // of PTR names outside all zones: each is its own apex
	recursors []netip.AddrPort
	limit     int
}

func newSettings(c Config) (*settings, error) {
	s := &settings{Config: c, limit: c.ARecordLimit}
	s.Domain = defaultString(c.Domain, defaultDomain)
	s.Datacenter = strings.ToLower(c.Datacenter)
	if s.limit == 0 {
		s.limit = defaultLimit
	}
	if s.RecursorTimeout <= 0 {
		s.RecursorTimeout = defaultTimeout
	}
	if s.Workers <= 0 {
		s.Workers = min(runtime.GOMAXPROCS(0), workersMax)
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.SOA = c.SOA.withDefaults()
	return s, errors.Join(s.addZones(), s.addRecursors())
}

func (s *settings) addZones() error {
	var errs []error
	add := func(kind, name string) *zone {
		key, ok := makeKey(name)
		if !ok || len(key) == 1 {
			errs = append(errs, fmt.Errorf("%s %q: not a domain name below the root", kind, name))
			return nil
		}
		if i := slices.IndexFunc(s.zones, func(z *zone) bool { return z.key == key }); i >= 0 {
			return s.zones[i]
		}
		z := newZone(key, s)
		s.zones = append(s.zones, z)
		return z
	}
	for _, name := range append([]string{s.Domain}, s.AltDomains...) {
		if z := add("domain", name); z != nil && !slices.Contains(s.domains, z) {
			s.domains = append(s.domains, z)
		}
	}
	for _, name := range s.HostDomains {
		if z := add("host_domains", name); z != nil {
			z.hosts = true
		}
	}
	if len(s.zones) > zonesMax {
		errs = append(errs, fmt.Errorf("host_domains: %d zones, limit %d", len(s.zones), zonesMax))
	}
	slices.SortStableFunc(s.zones, func(a, b *zone) int { return len(b.key) - len(a.key) })
	if len(s.domains) > 0 {
		s.reverse = newReverseZone(s)
	}
	return errors.Join(errs...)
}

func (s *settings) addRecursors() error {
	var errs []error
	for _, r := range s.Recursors {
		ap, err := parseRecursor(r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.recursors = append(s.recursors, ap)
	}
	if len(s.recursors) > recursorsMax {
		errs = append(errs, fmt.Errorf("recursors: %d, limit %d", len(s.recursors), recursorsMax))
	}
	return errors.Join(errs...)
}

func parseRecursor(r string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(r); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	host, port, err := net.SplitHostPort(r)
	if err == nil {
		if ap, err := netip.ParseAddrPort(net.JoinHostPort(host, port)); err == nil {
			return ap, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("recursor %q: not an IP address or IP:port", r)
}

// zoneOf is the innermost of our zones that holds key, nil for foreign names.
func (s *settings) zoneOf(key string) *zone {
	for _, z := range s.zones {
		if inside(key, z.key) {
			return z
		}
	}
	return nil
}

// serviceTTL is the exact match, else the longest prefix ending in *, else
// ServiceTTL. service is in lower case.
func (s *settings) serviceTTL(service string) uint32 {
	best, ttl := -1, s.ServiceTTL
	for pattern, d := range s.ServiceTTLs {
		pattern = strings.ToLower(pattern)
		if pattern == service {
			return seconds(d)
		}
		prefix, wild := strings.CutSuffix(pattern, "*")
		if wild && len(prefix) > best && strings.HasPrefix(service, prefix) {
			best, ttl = len(prefix), d
		}
	}
	return seconds(ttl)
}

func (o SOA) withDefaults() SOA {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Refresh, time.Hour)
	def(&o.Retry, 10*time.Minute)
	def(&o.Expire, 24*time.Hour)
	def(&o.MinTTL, 0)
	return o
}

// seconds is d as a TTL: whole seconds, at most 2^31-1 (RFC 2181 section 8).
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d/time.Second, 0), 1<<31-1))
}

func defaultString(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
