package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
)

// Config is everything an agent is told at its start or by a reload. Load
// returns it complete and checked.
type Config struct {
	Dev bool // --dev: no data directory, loopback only

	NodeName   string            // lower case, up to 128 characters: letters, digits, - and .
	Datacenter string            // lower case
	DataDir    string            // empty only with Dev
	NodeMeta   map[string]string // free, for people and filters; Consul's
	Tags       map[string]string // the roles of this host, such as role = "datanode"
	Rack       string            // empty: not said

	BindAddr      netip.Addr // gossip and peer listen here; may be unspecified (0.0.0.0)
	AdvertiseAddr netip.Addr // what others are told; invalid: see Advertise
	ClientAddrs   []netip.Addr
	Addresses     Addresses
	Ports         Ports

	RetryJoin        []string // "host", "host:port", "192.0.2.1", "[2001:db8::1]:8301"
	RetryInterval    time.Duration
	Encrypt          []byte // the gossip key, 16, 24 or 32 bytes; nil: not encrypted
	ReconnectTimeout time.Duration

	Domain      string   // lower case, ends in a dot: "yodel."
	AltDomain   string   // likewise; empty: none
	HostDomains []string // likewise: zones in which hosts have their fully qualified names
	Recursors   []netip.AddrPort
	DNS         DNS

	HTTPToken    string // bearer token; empty: none asked for
	HTTPInsecure bool   // HTTP beyond loopback without TLS and token
	TLS          TLS

	Services                []Service
	Checks                  []checks.Definition // of the node, or of a service by its ServiceID
	EnableScriptChecks      bool                // from files and from HTTP
	EnableLocalScriptChecks bool                // from files only

	LogLevel slog.Level
	LogJSON  bool

	LeaveOnTerminate     bool // SIGTERM: leave the mesh instead of being missed
	SkipLeaveOnInterrupt bool // SIGINT: do not leave
	RejoinAfterLeave     bool // join again by the snapshot after a leave

	AllowedSignersFile string // OpenSSH's format; empty: no jobs
}

// Service is a service definition: one instance and the checks on it.
type Service struct {
	catalog.Service
	Checks []checks.Definition // ID, Name and ServiceID are filled in
}

// Addresses are where a listener differs from ClientAddrs. nil: it does not.
type Addresses struct {
	DNS  []netip.Addr
	HTTP []netip.Addr
}

// Ports are 1 to 65535. DNS and HTTP may be -1: not served. With Dev, 0 is any
// free port.
type Ports struct {
	DNS    int
	HTTP   int
	Gossip int
	Peer   int
}

// DNS are the details of DNS answers; Consul's dns_config.
type DNS struct {
	NodeTTL          time.Duration
	ServiceTTL       map[string]time.Duration // by service name; "*": all others
	OnlyPassing      bool                     // an instance with a warning is not answered
	ARecordLimit     int                      // most A or AAAA records of a service; 0: no limit
	UDPAnswerLimit   int                      // most records over UDP without EDNS
	RecursorTimeout  time.Duration
	RecursorStrategy string // "sequential" or "random"
	SOA              SOA
}

// SOA are the fields of our zones' SOA records, in seconds (RFC 1035 3.3.13).
type SOA struct {
	Refresh int
	Retry   int
	Expire  int
	MinTTL  int
}

// TLS is the certificate of the HTTP listener. Empty: plain HTTP.
type TLS struct {
	CertFile string
	KeyFile  string
}

// Default is the configuration that no file and no flag has touched.
func Default() Config {
	return Config{
		Datacenter:       "dc1",
		BindAddr:         netip.IPv4Unspecified(),
		ClientAddrs:      []netip.Addr{loopback()},
		Ports:            Ports{DNS: 8600, HTTP: 8500, Gossip: 8301, Peer: 8300},
		RetryInterval:    5 * time.Second, // Consul's is 30 s: here a host without seeds is blind, and a try is cheap
		ReconnectTimeout: 72 * time.Hour,
		Domain:           "yodel.",
		DNS: DNS{
			ARecordLimit:     3,
			UDPAnswerLimit:   3,
			RecursorTimeout:  2 * time.Second,
			RecursorStrategy: "sequential",
			SOA:              SOA{Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: 0},
		},
		LogLevel: slog.LevelInfo,
	}
}

// dev is where --dev starts from.
func dev() Config {
	c := Default()
	c.Dev = true
	c.BindAddr = loopback()
	c.AdvertiseAddr = loopback()
	return c
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
