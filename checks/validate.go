package checks

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	// Consul's floor: below it, checks become a fork bomb.
	intervalMin = time.Second
	// A check that looks less than once in 30 days is a mistake in the unit.
	durationMax = 30 * 24 * time.Hour
	// A probe is a look, not a job.
	timeoutMax = time.Hour
	// Consul's floor: a restart of the instance must not remove it.
	deregisterMin = time.Minute

	// Consul's default for the output of a check.
	outputDefault = 4 << 10
	// Output is held once per running check: 32 scripts make 32 MiB.
	outputMax = 1 << 20
	// Text that people write by hand. The kernel takes 128 KiB per argument.
	textMax = 64 << 10
	// Arguments and header values; a longer list is a program's mistake.
	listMax = 256
	// More looks than this before a change of status is a mistake, and the
	// counters stop here instead of growing for years.
	thresholdMax = 1_000_000
)

// Kind is what the check looks with: script, http, tcp, udp, ttl, docker, grpc,
// h2ping, alias or os_service. It is empty when the definition has no kind, and
// the first of them when it wrongly has several.
func (d Definition) Kind() string {
	if k := d.kinds(); len(k) > 0 {
		return k[0]
	}
	return ""
}

func (d Definition) kinds() []string {
	var all []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"docker", d.DockerContainerID != ""},
		{"script", len(d.Args) > 0 && d.DockerContainerID == ""},
		{"http", d.HTTP != ""},
		{"tcp", d.TCP != ""},
		{"udp", d.UDP != ""},
		{"ttl", d.TTL != 0},
		{"grpc", d.GRPC != ""},
		{"h2ping", d.H2Ping != ""},
		{"alias", d.AliasNode != "" || d.AliasService != ""},
		{"os_service", d.OSService != ""},
	} {
		if k.set {
			all = append(all, k.name)
		}
	}
	return all
}

// Validate says everything that is wrong with a definition, one error per
// problem, each naming the configuration key.
func (d Definition) Validate() error {
	var all []error
	wrong := func(key, format string, args ...any) {
		all = append(all, fmt.Errorf(key+": "+format, args...))
	}
	if d.ID == "" && d.Name == "" {
		wrong("name", "missing, and no id either")
	}
	switch kinds := d.kinds(); len(kinds) {
	case 0:
		wrong("check", "no kind; set one of args, http, tcp, udp, ttl, docker_container_id, grpc, h2ping, alias_node, alias_service, os_service")
	case 1:
		d.validateKind(kinds[0], wrong)
	default:
		wrong("check", "%d kinds at once (%s); a check has one", len(kinds), strings.Join(kinds, ", "))
	}
	d.validateTimes(wrong)
	d.validateSizes(wrong)
	switch d.Status {
	case "", Passing, Warning, Critical:
	default:
		wrong("status", "%q; must be passing, warning or critical", d.Status)
	}
	return errors.Join(all...)
}

type complaint func(key, format string, args ...any)

func (d Definition) validateKind(kind string, wrong complaint) {
	switch kind {
	case "script":
		if d.Args[0] == "" {
			wrong("args", "the first is the program, and it is empty")
		}
	case "docker":
		if len(d.Args) == 0 {
			wrong("args", "missing; they are what runs in the container %s", d.DockerContainerID)
		}
	case "http":
		d.validateHTTP(wrong)
	case "tcp":
		validateAddress("tcp", d.TCP, wrong)
	case "udp":
		validateAddress("udp", d.UDP, wrong)
	case "grpc":
		address, _, _ := strings.Cut(d.GRPC, "/")
		validateAddress("grpc", address, wrong)
	case "h2ping":
		validateAddress("h2ping", d.H2Ping, wrong)
	}
}

func (d Definition) validateHTTP(wrong complaint) {
	u, err := url.Parse(d.HTTP)
	switch {
	case err != nil:
		wrong("http", "%v", err)
	case u.Scheme != "http" && u.Scheme != "https":
		wrong("http", "%q must begin with http:// or https://", d.HTTP)
	case u.Host == "":
		wrong("http", "%q names no host", d.HTTP)
	}
	if d.Method != "" && !httpguts.ValidHeaderFieldName(d.Method) { // both are tokens, RFC 9110 section 5.6.2
		wrong("method", "%q is not an HTTP method", d.Method)
	}
	for name, values := range d.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			wrong("header", "%q is not a header name", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				wrong("header", "the value %q of %s has control characters", v, name)
			}
		}
	}
}

func validateAddress(key, address string, wrong complaint) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		wrong(key, "%q is not host:port", address)
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		wrong(key, "the port of %q must be a number from 1 to 65535", address)
	}
}

func (d Definition) validateTimes(wrong complaint) {
	kind := d.Kind()
	if d.Interval == 0 && kind != "" && kind != "ttl" && kind != "alias" {
		wrong("interval", "missing; a %s check needs one", kind)
	}
	if d.Interval > 0 && kind == "ttl" {
		wrong("interval", "a ttl check has none; it waits to be told")
	}
	for _, t := range []struct {
		key   string
		value time.Duration
		max   time.Duration
	}{
		{"interval", d.Interval, durationMax},
		{"ttl", d.TTL, durationMax},
		{"timeout", d.Timeout, timeoutMax},
		{"deregister_critical_service_after", d.DeregisterCriticalServiceAfter, 10 * 365 * 24 * time.Hour},
	} {
		if t.value < 0 {
			wrong(t.key, "%s is negative", t.value)
		}
		if t.value > t.max {
			wrong(t.key, "%s is above the limit of %s", t.value, t.max)
		}
	}
}

func (d Definition) validateSizes(wrong complaint) {
	for _, n := range []struct {
		key        string
		value, max int
	}{
		{"success_before_passing", d.SuccessBeforePassing, thresholdMax},
		{"failures_before_warning", d.FailuresBeforeWarning, thresholdMax},
		{"failures_before_critical", d.FailuresBeforeCritical, thresholdMax},
		{"output_max_size", d.OutputMaxSize, outputMax},
	} {
		if n.value < 0 || n.value > n.max {
			wrong(n.key, "%d is outside 0 to %d", n.value, n.max)
		}
	}
	if d.FailuresBeforeWarning > d.FailuresBeforeCritical {
		wrong("failures_before_warning", "%d is above failures_before_critical, %d", d.FailuresBeforeWarning, d.FailuresBeforeCritical)
	}
	size, values := 0, 0
	for name, list := range d.Header {
		size, values = size+len(name), values+len(list)
		for _, v := range list {
			size += len(v)
		}
	}
	if len(d.Args) > listMax {
		wrong("args", "%d of them, above the limit of %d", len(d.Args), listMax)
	}
	if values > listMax {
		wrong("header", "%d values, above the limit of %d", values, listMax)
	}
	for _, s := range []struct {
		key   string
		bytes int
	}{
		{"id", len(d.ID)}, {"name", len(d.Name)}, {"notes", len(d.Notes)}, {"service_id", len(d.ServiceID)},
		{"args", len(strings.Join(d.Args, " "))}, {"http", len(d.HTTP)}, {"body", len(d.Body)}, {"header", size},
		{"tcp", len(d.TCP)}, {"udp", len(d.UDP)}, {"grpc", len(d.GRPC)}, {"h2ping", len(d.H2Ping)},
		{"docker_container_id", len(d.DockerContainerID)}, {"os_service", len(d.OSService)},
	} {
		if s.bytes > textMax {
			wrong(s.key, "%d bytes, above the limit of %d", s.bytes, textMax)
		}
	}
}

// settled is the definition with its defaults and floors filled in.
func (d Definition) settled() Definition {
	if d.ID == "" {
		d.ID = d.Name
	}
	if d.Status == "" {
		d.Status = Critical
	}
	if d.Interval != 0 {
		d.Interval = max(d.Interval, intervalMin)
	}
	if d.Timeout == 0 {
		d.Timeout = 10 * time.Second
		if kind := d.Kind(); kind == "script" || kind == "docker" {
			d.Timeout = 30 * time.Second
		}
	}
	if d.DeregisterCriticalServiceAfter != 0 {
		d.DeregisterCriticalServiceAfter = max(d.DeregisterCriticalServiceAfter, deregisterMin)
	}
	if d.OutputMaxSize == 0 {
		d.OutputMaxSize = outputDefault
	}
	return d
}
