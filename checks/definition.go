// Package checks looks at a node and at the instances on it, and says what it
// saw. A Definition goes in, Results come out.
//
// It promises that a check never overlaps itself, that a result always arrives
// (late, hung and unstartable probes included), and that nothing it started
// outlives its timeout, save a daemon that a script, in time, put in a session
// of its own. It knows nothing of the mesh.
package checks

import "time"

// Definition is one check as Consul's documentation defines it
// (developer.hashicorp.com/consul/docs/services/configuration/checks-configuration-reference).
// Exactly one kind is set: Args, HTTP, TCP, UDP, TTL, DockerContainerID (with
// Args), GRPC, H2Ping, AliasNode or AliasService, OSService.
type Definition struct {
	ID        string
	Name      string
	Notes     string
	ServiceID string // empty: a check of the node

	Args []string // script: a program and its arguments, no shell

	HTTP             string // URL
	Method           string // default GET
	Header           map[string][]string
	Body             string
	DisableRedirects bool

	TCP       string // host:port
	TCPUseTLS bool
	UDP       string // host:port; Body is what is sent

	TTL time.Duration

	DockerContainerID string
	Shell             string // Docker: runs a single Args element as a command line; with none, or more elements, Args runs as it is

	GRPC       string // host:port[/service]
	GRPCUseTLS bool

	H2Ping       string // host:port
	H2PingUseTLS bool   // Consul's default is true: whoever reads the configuration sets it

	AliasNode    string // default: this node
	AliasService string // an instance's ID; empty: the node alone

	OSService string // a systemd unit

	TLSServerName string
	TLSSkipVerify bool

	Interval time.Duration // required for every kind but TTL and alias; less than a second is raised to one
	Timeout  time.Duration // default 30 s for scripts (in Docker too), 10 s otherwise
	Status   Status        // before the first result; default critical

	// How many results in a row it takes to change the status; 0 and 1 both
	// mean the first. The very first result always counts. TTL and alias checks
	// ignore them, as Consul's do.
	SuccessBeforePassing   int
	FailuresBeforeWarning  int // default FailuresBeforeCritical, and not above it
	FailuresBeforeCritical int

	// DeregisterCriticalServiceAfter removes the instance of a check that has
	// been critical for this long; 0: never. Less than a minute is raised to one.
	DeregisterCriticalServiceAfter time.Duration

	OutputMaxSize int // bytes; default 4096, at most 1 MiB
}

// Status is what a check means: passing, warning or critical.
type Status string

// The statuses, from best to worst.
const (
	Passing  Status = "passing"
	Warning  Status = "warning"
	Critical Status = "critical"
)
