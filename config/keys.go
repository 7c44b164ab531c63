package config

import (
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/checks"
)

// week is the most a TTL or an interval may be: more is a typing mistake.
const week = 7 * 24 * time.Hour

// topKeys are the keys of a configuration file.
func topKeys() []key[Config] {
	return slices.Concat(
		identityKeys(), networkKeys(), dnsKeys(), httpKeys(), definitionKeys(), scriptKeys(), processKeys(),
		unused[Config](Later, "for a later version", "jobs", "history", "alerts", "watches", "collectors_dir"),
		unused[Config](Ignored, "", consulKeys()...),
	)
}

func identityKeys() []key[Config] {
	return []key[Config]{
		keyed("node_name", nodeName(), func(c *Config) *string { return &c.NodeName },
			"the name of this host in the mesh; default: its host name"),
		keyed("datacenter", textThat("string", datacenter), func(c *Config) *string { return &c.Datacenter },
			"where this host stands"),
		keyed("data_dir", textThat("string", notEmpty), func(c *Config) *string { return &c.DataDir },
			"where this host keeps its identity, its catalog and its history; required"),
		keyed("rack", textThat("string", rack), func(c *Config) *string { return &c.Rack },
			"the rack, as Hadoop's topology is told").live(),
		keyed("tags", labels(), func(c *Config) *map[string]string { return &c.Tags },
			"the roles of this host, for targets and filters").live(),
		keyed("node_meta", labels(), func(c *Config) *map[string]string { return &c.NodeMeta },
			"anything else worth saying about this host").live(),
	}
}

func networkKeys() []key[Config] {
	return []key[Config]{
		keyed("bind_addr", address(true), func(c *Config) *netip.Addr { return &c.BindAddr },
			"where gossip and peers listen"),
		keyed("advertise_addr", address(false), func(c *Config) *netip.Addr { return &c.AdvertiseAddr },
			"the address others are told; default: bind_addr, or the one private address"),
		keyed("client_addr", addressList(), func(c *Config) *[]netip.Addr { return &c.ClientAddrs },
			"where DNS and HTTP listen; several are separated by spaces"),
		keyed("addresses", blockOf(addressesKeys(), false), func(c *Config) *Addresses { return &c.Addresses },
			"where one of them listens instead"),
		keyed("ports", blockOf(portsKeys(), false), func(c *Config) *Ports { return &c.Ports }, "the ports"),
		keyed("retry_join", texts(joinAddress), func(c *Config) *[]string { return &c.RetryJoin },
			"hosts to join, tried for ever: names or addresses, with or without a port").live(),
		keyed("start_join", texts(joinAddress), func(c *Config) *[]string { return &c.RetryJoin },
			"the same, as older Consul files have it").also("retry_join").live(),
		keyed("retry_interval", duration(100*time.Millisecond, time.Hour),
			func(c *Config) *time.Duration { return &c.RetryInterval }, "between tries to join").live(),
		keyed("encrypt", gossipKey(), func(c *Config) *[]byte { return &c.Encrypt },
			"the gossip key: 32, 24 or 16 bytes in base64"),
		keyed("reconnect_timeout", duration(time.Minute, 365*24*time.Hour),
			func(c *Config) *time.Duration { return &c.ReconnectTimeout }, "a failed host is forgotten after this"),
	}
}

func addressesKeys() []key[Addresses] {
	return append([]key[Addresses]{
		keyed("dns", addressList(), func(a *Addresses) *[]netip.Addr { return &a.DNS }, "DNS"),
		keyed("http", addressList(), func(a *Addresses) *[]netip.Addr { return &a.HTTP }, "HTTP"),
	}, unused[Addresses](Ignored, "", "https", "grpc", "grpc_tls")...)
}

func portsKeys() []key[Ports] {
	return append([]key[Ports]{
		keyed("dns", portNumber(true), func(p *Ports) *int { return &p.DNS }, "DNS, UDP and TCP; -1: not served"),
		keyed("http", portNumber(true), func(p *Ports) *int { return &p.HTTP }, "the HTTP API; -1: not served"),
		keyed("gossip", portNumber(false), func(p *Ports) *int { return &p.Gossip },
			"gossip, UDP and TCP").alias("serf_lan"),
		keyed("peer", portNumber(false), func(p *Ports) *int { return &p.Peer }, "between peers, TCP"),
	}, unused[Ports](Ignored, "", "https", "grpc", "grpc_tls", "serf_wan", "server", "proxy_min_port", "proxy_max_port",
		"sidecar_min_port", "sidecar_max_port", "expose_min_port", "expose_max_port")...)
}

func dnsKeys() []key[Config] {
	return []key[Config]{
		keyed("domain", textThat("string", domain), func(c *Config) *string { return &c.Domain },
			`the zone of our own names; "consul." for a drop-in`),
		keyed("alt_domain", textThat("string", domain), func(c *Config) *string { return &c.AltDomain },
			"another zone with the same names"),
		keyed("host_domains", texts(domain), func(c *Config) *[]string { return &c.HostDomains },
			"zones whose host names we answer for"),
		keyed("recursors", recursors(), func(c *Config) *[]netip.AddrPort { return &c.Recursors },
			"resolvers for all other names").live(),
		keyed("dns_config", blockOf(dnsConfigKeys(), false), func(c *Config) *DNS { return &c.DNS },
			"details of the answers").live(),
	}
}

func dnsConfigKeys() []key[DNS] {
	ttl := duration(0, week)
	return append([]key[DNS]{
		keyed("node_ttl", ttl, func(d *DNS) *time.Duration { return &d.NodeTTL }, "TTL of host names"),
		keyed("service_ttl", mapOf("durations", ttl), func(d *DNS) *map[string]time.Duration { return &d.ServiceTTL },
			`TTL by service name; "*" is for all others`),
		keyed("only_passing", boolean(), func(d *DNS) *bool { return &d.OnlyPassing },
			"do not answer instances that warn"),
		keyed("a_record_limit", integer(0, 4096), func(d *DNS) *int { return &d.ARecordLimit },
			"most addresses in one answer about a service; 0: all"),
		keyed("udp_answer_limit", integer(1, 8), func(d *DNS) *int { return &d.UDPAnswerLimit },
			"most records in one answer over UDP without EDNS"),
		keyed("recursor_timeout", duration(10*time.Millisecond, time.Minute),
			func(d *DNS) *time.Duration { return &d.RecursorTimeout }, "then the next recursor is asked"),
		keyed("recursor_strategy", textThat("string", oneOf("sequential", "random")),
			func(d *DNS) *string { return &d.RecursorStrategy }, `"sequential" or "random"`),
		keyed("soa", blockOf(soaKeys(), false), func(d *DNS) *SOA { return &d.SOA }, "the SOA record, in seconds"),
	}, unused[DNS](Ignored, "", "allow_stale", "cache_max_age", "disable_compression", "enable_truncate", "max_stale",
		"enable_additional_node_meta_txt", "prefer_namespace", "use_cache")...)
}

func soaKeys() []key[SOA] {
	const most = math.MaxInt32 // RFC 2181 8: a TTL has 31 bits
	return []key[SOA]{
		keyed("refresh", integer(0, most), func(s *SOA) *int { return &s.Refresh }, "refresh"),
		keyed("retry", integer(0, most), func(s *SOA) *int { return &s.Retry }, "retry"),
		keyed("expire", integer(0, most), func(s *SOA) *int { return &s.Expire }, "expire"),
		keyed("min_ttl", integer(0, most), func(s *SOA) *int { return &s.MinTTL }, "how long a denial is kept"),
	}
}

func httpKeys() []key[Config] {
	return []key[Config]{
		keyed("http_token", text(), func(c *Config) *string { return &c.HTTPToken },
			"the bearer token that HTTP asks for"),
		keyed("http_token_file", tokenFile(), func(c *Config) *string { return &c.HTTPToken },
			"a file with the token, on one line").also("http_token"),
		keyed("tls", blockOf(tlsKeys(), false), func(c *Config) *TLS { return &c.TLS }, "serve HTTP over TLS"),
		keyed("http_insecure", boolean(), func(c *Config) *bool { return &c.HTTPInsecure },
			"allow HTTP beyond loopback without TLS and token"),
	}
}

func tlsKeys() []key[TLS] {
	return append([]key[TLS]{
		keyed("cert_file", text(), func(t *TLS) *string { return &t.CertFile }, "certificates in PEM, ours first"),
		keyed("key_file", text(), func(t *TLS) *string { return &t.KeyFile }, "the private key in PEM"),
	}, unused[TLS](Ignored, "", "defaults", "https", "grpc", "internal_rpc")...)
}

func definitionKeys() []key[Config] {
	services := blocksOf(describe(serviceKeys()), readService)
	nodeChecks := blocksOf(describe(checkKeys()), readNodeCheck)
	return []key[Config]{
		keyed("service", services, func(c *Config) *[]Service { return &c.Services },
			"a service on this host, as in Consul").repeated().also("services").live(),
		keyed("services", services, func(c *Config) *[]Service { return &c.Services },
			"several services").repeated().live(),
		keyed("check", nodeChecks, func(c *Config) *[]checks.Definition { return &c.Checks },
			"a check of this host, or of the service service_id, as in Consul").repeated().also("checks").live(),
		keyed("checks", nodeChecks, func(c *Config) *[]checks.Definition { return &c.Checks },
			"several checks").repeated().live(),
	}
}

func scriptKeys() []key[Config] {
	return []key[Config]{
		keyed("enable_script_checks", boolean(), func(c *Config) *bool { return &c.EnableScriptChecks },
			"run checks that are programs, from files and from HTTP").live(),
		keyed("enable_local_script_checks", boolean(), func(c *Config) *bool { return &c.EnableLocalScriptChecks },
			"run checks that are programs, from files only").live(),
	}
}

func processKeys() []key[Config] {
	return []key[Config]{
		keyed("log_level", logLevel(), func(c *Config) *slog.Level { return &c.LogLevel },
			"trace, debug, info, warn or error").live(),
		keyed("log_json", boolean(), func(c *Config) *bool { return &c.LogJSON }, "log lines in JSON"),
		keyed("leave_on_terminate", boolean(), func(c *Config) *bool { return &c.LeaveOnTerminate },
			"on SIGTERM, leave the mesh; a service manager's restart should not").live(),
		keyed("skip_leave_on_interrupt", boolean(), func(c *Config) *bool { return &c.SkipLeaveOnInterrupt },
			"on SIGINT, do not leave the mesh").live(),
		keyed("rejoin_after_leave", boolean(), func(c *Config) *bool { return &c.RejoinAfterLeave },
			"after a leave, the next start joins those known before"),
		keyed("allowed_signers_file", text(), func(c *Config) *string { return &c.AllowedSignersFile },
			"who may order jobs, in OpenSSH's format; none: no jobs"),
	}
}
