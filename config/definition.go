package config

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
)

// draft is a service as it is being read.
type draft struct {
	service catalog.Service
	checks  []placed
}

// placed is a check and where it was written.
type placed struct {
	checks.Definition
	at position
}

// serviceKeys are the keys of Consul's service definition.
func serviceKeys() []key[draft] {
	nested := blocksOf(describe(checkKeys()), func(r *reader, v *value) (placed, bool) {
		check, ok := readCheck(r, v)
		return placed{check, v.at}, ok
	})
	return append([]key[draft]{
		keyed("name", text(), func(d *draft) *string { return &d.service.Name }, "required"),
		keyed("id", text(), func(d *draft) *string { return &d.service.ID }, "unique on this host; default: the name"),
		keyed("tags", texts(nil), func(d *draft) *[]string { return &d.service.Tags }, "tags"),
		keyed("address", textThat("string", serviceAddress), func(d *draft) *string { return &d.service.Address },
			"default: the host's own"),
		keyed("port", integer(0, math.MaxUint16), func(d *draft) *int { return &d.service.Port }, "the port"),
		keyed("meta", labels(), func(d *draft) *map[string]string { return &d.service.Meta }, "anything else"),
		keyed("tagged_addresses", mapOf("blocks", blockOf(taggedKeys(), true)),
			func(d *draft) *map[string]catalog.TaggedAddress { return &d.service.TaggedAddresses },
			`other addresses, such as "lan" and "wan"`),
		keyed("weights", weights(), func(d *draft) *catalog.Weights { return &d.service.Weights }, "weights in SRV answers"),
		keyed("enable_tag_override", boolean(), func(d *draft) *bool { return &d.service.EnableTagOverride },
			"others may change the tags"),
		keyed("check", nested, func(d *draft) *[]placed { return &d.checks }, "a check of this service").repeated(),
		keyed("checks", nested, func(d *draft) *[]placed { return &d.checks }, "several checks").repeated(),
	}, unused[draft](Ignored, "", "kind", "proxy", "connect", "token", "socket_path", "namespace", "partition", "locality",
		"ports", "peer_name")...)
}

func taggedKeys() []key[catalog.TaggedAddress] {
	return []key[catalog.TaggedAddress]{
		keyed("address", textThat("string", serviceAddress), func(t *catalog.TaggedAddress) *string { return &t.Address }, "address"),
		keyed("port", integer(0, math.MaxUint16), func(t *catalog.TaggedAddress) *int { return &t.Port }, "port"),
	}
}

// weights start at 1 and 1 once the block is there. An SRV weight has 16 bits.
func weights() form[catalog.Weights] {
	keys := []key[catalog.Weights]{
		keyed("passing", integer(1, math.MaxUint16), func(w *catalog.Weights) *int { return &w.Passing }, "while it passes"),
		keyed("warning", integer(0, math.MaxUint16), func(w *catalog.Weights) *int { return &w.Warning }, "while it warns"),
	}
	f := blockOf(keys, true)
	read := f.read
	f.read = func(r *reader, v *value, into *catalog.Weights) {
		*into = catalog.Weights{Passing: 1, Warning: 1}
		read(r, v, into)
	}
	return f
}

// checkKeys are the keys of Consul's check definition.
func checkKeys() []key[checks.Definition] {
	type def = checks.Definition
	span := duration(math.MinInt64, math.MaxInt64) // checks knows the limits
	count := integer(math.MinInt32, math.MaxInt32)
	keys := []key[def]{
		keyed("id", text(), func(d *def) *string { return &d.ID }, "unique on this host").alias("check_id"),
		keyed("name", text(), func(d *def) *string { return &d.Name }, "for people"),
		keyed("notes", text(), func(d *def) *string { return &d.Notes }, "for people"),
		keyed("service_id", text(), func(d *def) *string { return &d.ServiceID }, "the service that it is a check of"),
		keyed("args", texts(nil), func(d *def) *[]string { return &d.Args },
			"a program and its arguments: 0 passes, 1 warns").alias("script_args"),
		keyed("http", text(), func(d *def) *string { return &d.HTTP }, "a URL: 2xx passes, 429 warns"),
		keyed("method", text(), func(d *def) *string { return &d.Method }, "of http; default GET"),
		keyed("header", headers(), func(d *def) *map[string][]string { return &d.Header }, "of http"),
		keyed("body", text(), func(d *def) *string { return &d.Body }, "of http"),
		keyed("disable_redirects", boolean(), func(d *def) *bool { return &d.DisableRedirects }, "of http"),
		keyed("tcp", text(), func(d *def) *string { return &d.TCP }, "host:port that accepts a connection"),
		keyed("tcp_use_tls", boolean(), func(d *def) *bool { return &d.TCPUseTLS }, "of tcp"),
		keyed("udp", text(), func(d *def) *string { return &d.UDP }, "host:port that does not refuse"),
		keyed("ttl", span, func(d *def) *time.Duration { return &d.TTL }, "something else reports at least this often"),
		keyed("docker_container_id", text(), func(d *def) *string { return &d.DockerContainerID }, "run args in there"),
		keyed("shell", text(), func(d *def) *string { return &d.Shell }, "of docker_container_id"),
		keyed("grpc", text(), func(d *def) *string { return &d.GRPC }, "host:port[/service] with gRPC's health protocol"),
		keyed("grpc_use_tls", boolean(), func(d *def) *bool { return &d.GRPCUseTLS }, "of grpc"),
		keyed("h2ping", text(), func(d *def) *string { return &d.H2Ping }, "host:port that answers HTTP/2 pings"),
		keyed("h2ping_use_tls", boolean(), func(d *def) *bool { return &d.H2PingUseTLS }, "of h2ping; default true"),
		keyed("alias_node", text(), func(d *def) *string { return &d.AliasNode }, "as healthy as that host"),
		keyed("alias_service", text(), func(d *def) *string { return &d.AliasService }, "as healthy as that service"),
		keyed("os_service", text(), func(d *def) *string { return &d.OSService }, "a systemd unit that is active"),
		keyed("tls_server_name", text(), func(d *def) *string { return &d.TLSServerName }, "expected in the certificate"),
		keyed("tls_skip_verify", boolean(), func(d *def) *bool { return &d.TLSSkipVerify }, "accept any certificate"),
		keyed("interval", span, func(d *def) *time.Duration { return &d.Interval }, "between two looks"),
		keyed("timeout", span, func(d *def) *time.Duration { return &d.Timeout }, "of one look"),
		keyed("status", status(), func(d *def) *checks.Status { return &d.Status }, "before the first result; default critical"),
		keyed("success_before_passing", count, func(d *def) *int { return &d.SuccessBeforePassing }, "in a row"),
		keyed("failures_before_warning", count, func(d *def) *int { return &d.FailuresBeforeWarning }, "in a row"),
		keyed("failures_before_critical", count, func(d *def) *int { return &d.FailuresBeforeCritical }, "in a row"),
		keyed("deregister_critical_service_after", span,
			func(d *def) *time.Duration { return &d.DeregisterCriticalServiceAfter }, "remove the service after so long"),
		keyed("output_max_size", count, func(d *def) *int { return &d.OutputMaxSize }, "bytes of output kept"),
	}
	keys = append(keys, unused[def](Refused, `write args = ["/bin/sh", "-c", "..."]`, "script")...)
	return append(keys, unused[def](Ignored, "", "token", "namespace", "partition", "node", "expose_paths", "type")...)
}

func headers() form[map[string][]string] { return mapOf("lists of strings", texts(nil)) }

func status() form[checks.Status] {
	rule := oneOf(string(checks.Passing), string(checks.Warning), string(checks.Critical))
	return form[checks.Status]{kind: "string", read: func(r *reader, v *value, into *checks.Status) {
		textThat("string", rule).read(r, v, (*string)(into))
	}}
}

// serviceAddress is an IP address or a host name. Consul evaluates no template here.
func serviceAddress(s string) (kept, what, hint string) {
	hint = "write an IP address or a host name, or leave it out"
	if s == "0.0.0.0" || s == "::" || s == "[::]" {
		return "", s + " is no address that others could reach", hint
	}
	if s == "" || recursorAddress(s) {
		return s, "", ""
	}
	if _, what, _ := domain(s); what != "" {
		return "", fmt.Sprintf("%q is no address", shorten(s)), hint
	}
	return s, "", ""
}

func recursorAddress(s string) bool {
	a, ok := recursor(s)
	return ok && a.Port() == 53 && !strings.Contains(s, "]:")
}

// readService reads one service block.
func readService(r *reader, v *value) (Service, bool) {
	var d draft
	before := len(r.problems)
	readBlock(r, v, r.serviceTable, true, &d)
	s := Service{Service: d.service}
	for _, check := range d.checks {
		s.Checks = append(s.Checks, check.Definition)
	}
	if s.Name == "" && len(r.problems) == before {
		r.fail(v.at, "a service needs a name", `write name = "..."`)
	}
	if len(s.Meta) > maxMeta {
		r.fail(v.at, fmt.Sprintf("%d keys in meta, limit %d", len(s.Meta), maxMeta), "")
	}
	if len(r.problems) > before {
		return s, false
	}
	s.complete()
	r.warnOfDNS(v, s)
	for i, check := range d.checks {
		r.places.add(checkPlace(s.Checks[i].ID), check.at)
	}
	r.places.add("service "+s.ID, v.at)
	return s, true
}

// complete fills in what Consul does: ids and names of checks, from the service's.
func (s *Service) complete() {
	if s.ID == "" {
		s.ID = s.Name
	}
	for i := range s.Checks {
		c := &s.Checks[i]
		c.ServiceID = s.ID
		if c.ID == "" {
			c.ID = "service:" + s.ID
			if len(s.Checks) > 1 {
				c.ID += fmt.Sprintf(":%d", i+1)
			}
		}
		if c.Name == "" {
			c.Name = fmt.Sprintf("Service '%s' check", s.Name)
		}
	}
}

var dnsPattern = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// warnOfDNS names what the DNS cannot be asked for.
func (r *reader) warnOfDNS(v *value, s Service) {
	for _, one := range append([]string{s.Name}, s.Tags...) {
		what := ""
		switch {
		case len(one) > maxLabel:
			what = fmt.Sprintf("is longer than %d characters", maxLabel)
		case !dnsPattern.MatchString(one):
			what = "has other characters than letters, digits and -"
		default:
			continue
		}
		r.warn(v.at, fmt.Sprintf("%q %s and cannot be asked for by DNS", shorten(one), what), "")
		return // once per service
	}
}

// readCheck reads one check block inside a service, which gives it the rest.
func readCheck(r *reader, v *value) (checks.Definition, bool) {
	d := checks.Definition{H2PingUseTLS: true}
	before := len(r.problems)
	readBlock(r, v, r.checkTable, true, &d)
	d.H2PingUseTLS = d.H2PingUseTLS && d.H2Ping != ""
	if len(r.problems) > before {
		return d, false
	}
	named := d
	if named.Name == "" {
		named.Name = "check"
	}
	r.failures(v, named.Validate())
	return d, len(r.problems) == before
}

// readNodeCheck reads one check block on its own.
func readNodeCheck(r *reader, v *value) (checks.Definition, bool) {
	d, ok := readCheck(r, v)
	if !ok {
		return d, false
	}
	if d.ID == "" && d.Name == "" {
		r.fail(v.at, "a check needs a name", `write name = "..."`)
		return d, false
	}
	if d.ID == "" {
		d.ID = d.Name
	}
	if d.Name == "" {
		d.Name = d.ID
	}
	r.places.add(checkPlace(d.ID), v.at)
	return d, true
}

func checkPlace(id string) string { return "check " + id }

// failures reports errors that each begin with the key they are about, at that
// key if the block has it.
func (r *reader) failures(v *value, err error) {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return
	}
	for _, one := range list.Unwrap() {
		name, what, _ := strings.Cut(one.Error(), ": ")
		what, hint, _ := strings.Cut(what, "; ")
		at := v.at
		block := v
		if v.kind == kindList {
			block = &v.list[0]
		}
		for i := range block.fields {
			if matches(name, block.fields[i].name, true) {
				at = block.fields[i].at
			}
		}
		if name == "check" {
			r.fail(at, what, hint)
			continue
		}
		r.in(name, func() { r.fail(at, what, hint) })
	}
}

// ParseService reads one service as the HTTP API and `yodel register` take it:
// HCL or JSON, in Consul's API spelling (EnableTagOverride) or that of its files.
// name is for messages. The error is Problems.
func ParseService(name string, src []byte) (Service, error) {
	return parseOne(name, src, readService)
}

// ParseCheck reads one check in the same way.
func ParseCheck(name string, src []byte) (checks.Definition, error) {
	return parseOne(name, src, readNodeCheck)
}

func parseOne[T any](name string, src []byte, read func(*reader, *value) (T, bool)) (T, error) {
	v, err := parse(name, src, strings.HasSuffix(name, ".json"))
	if err != nil {
		var none T
		return none, err
	}
	r := newReader()
	one, _ := read(r, &v)
	if len(r.problems) > 0 {
		return one, r.problems
	}
	return one, nil
}

// ParseDefinition reads what `yodel register FILE` is given: a configuration
// file with services and checks and nothing else, or one bare service or check
// as the HTTP API takes it. The error is Problems.
func ParseDefinition(name string, src []byte) ([]Service, []checks.Definition, error) {
	v, err := parse(name, src, strings.HasSuffix(name, ".json"))
	if err != nil {
		return nil, nil, err
	}
	r := newReader()
	var c Config
	switch {
	case bare(v, "name", "id") && bare(v, checkOnly()...):
		if d, ok := readNodeCheck(r, &v); ok {
			c.Checks = append(c.Checks, d)
		}
	case bare(v, "name", "id"):
		if s, ok := readService(r, &v); ok {
			c.Services = append(c.Services, s)
		}
	default:
		readBlock(r, &v, definitionKeys(), false, &c)
	}
	if len(r.problems) == 0 && len(c.Services)+len(c.Checks) == 0 {
		r.fail(position{file: name}, "no service and no check", `write service { name = "..." }`)
	}
	r.unique(c)
	if len(r.problems) > 0 {
		return nil, nil, r.problems
	}
	return c.Services, c.Checks, nil
}

// bare is whether a block has one of the keys.
func bare(v value, names ...string) bool {
	for _, f := range v.fields {
		for _, name := range names {
			if matches(name, f.name, true) {
				return true
			}
		}
	}
	return false
}

// checkOnly are keys that a check has and a service has not.
func checkOnly() []string {
	var only []string
	for _, c := range checkKeys() {
		if c.Use == Used && find(serviceKeys(), c.Name, true) == nil {
			only = append(only, c.Name)
		}
	}
	return only
}
