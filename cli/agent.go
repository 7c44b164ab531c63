package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/node"
)

const (
	// stopTime bounds a clean stop: a graceful leave takes Serf up to 5 s, and
	// systemd's own limit is 90.
	stopTime  = 15 * time.Second
	leaveTime = 8 * time.Second

	// readyInterval is how often an agent that is not ready looks again.
	readyInterval = 200 * time.Millisecond

	// readyTime is how long the service manager waits for a node that is not
	// ready: then it is told to go on, with what lacks as the status, since it
	// would kill a node whose name another host holds, again and again.
	readyTime = 30 * time.Second

	// memoryLimit is Go's soft limit unless GOMEMLIMIT says another: ten times
	// what an agent in a mesh of 300 needs, so that a burst of writes makes the
	// collector work and not the host swap.
	memoryLimit = 400 << 20

	// gcPercent is Go's garbage target unless GOGC says another. An idle agent
	// makes little garbage: with 25 one of 300 members took 50 MB instead of 62,
	// for no more CPU that could be measured (bench/footprint/RESULTS.md).
	gcPercent = 25
)

// agentFlags are the flags of the agent, and the configuration keys that they
// stand for.
type agentFlags struct {
	dev   bool
	paths pathFlags
	keys  []struct{ name, key string }
}

// pathFlags are --config-file and --config-dir in the order that they are
// given in: later files win.
type pathFlags struct{ paths *[]string }

func (p pathFlags) String() string     { return "" }
func (p pathFlags) Set(v string) error { *p.paths = append(*p.paths, v); return nil }
func (p pathFlags) Type() string       { return "path" }

func (s *shell) agent() *cobra.Command {
	var a agentFlags
	a.paths.paths = new([]string)
	c := &cobra.Command{
		Use: "agent", Short: "run yodel on this host", Args: atMost(0),
		Long: "agent runs until a signal: HUP reads the configuration again, INT and TERM stop it, and\n" +
			"a second one ends it at once. Flags win over files; files come in the order given.",
		Example: "  yodel agent --dev\n  yodel agent --config-dir /etc/yodel",
	}
	f := c.Flags()
	f.BoolVar(&a.dev, "dev", false, "try it out: loopback only, nothing kept on disk")
	f.Var(a.paths, "config-file", "a configuration file, .hcl or .json; repeat for several")
	f.Var(a.paths, "config-dir", "a directory of them; repeat for several")
	for _, one := range []struct{ name, key, usage string }{
		{"node", "node_name", "the name of this host in the mesh (default its host name)"},
		{"datacenter", "datacenter", "where this host stands (default dc1)"},
		{"bind", "bind_addr", "the address that gossip and peers listen on (default all)"},
		{"advertise", "advertise_addr", "the address that others are told"},
		{"data-dir", "data_dir", "where this host keeps what it must not forget"},
		{"http-addr", "http", "where HTTP listens, host:port (default " + api.DefaultAddress + ")"},
		{"dns-addr", "dns", "where DNS listens, host:port (default 127.0.0.1:8600)"},
		{"log-level", "log_level", "trace, debug, info, warn or error (default info)"},
	} {
		f.String(one.name, "", one.usage)
		a.keys = append(a.keys, struct{ name, key string }{one.name, one.key})
	}
	f.StringArray("join", nil, "a host of the mesh, HOST[:PORT]; repeat for several")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.runAgent(c.Context(), a.source(c)) }
	return c
}

// source is where the configuration comes from, at the start and at every
// reload.
func (a agentFlags) source(c *cobra.Command) config.Source {
	src := config.Source{Dev: a.dev, Paths: *a.paths.paths}
	add := func(name, key, value string) {
		src.Flags = append(src.Flags, config.Flag{Name: "--" + name, Key: key, Value: value})
	}
	for _, k := range a.keys {
		if !c.Flags().Changed(k.name) {
			continue
		}
		switch v := c.Flag(k.name).Value.String(); k.key {
		case "http", "dns":
			src.Flags = append(src.Flags, config.AddrFlags("--"+k.name, k.key, v)...)
		default:
			add(k.name, k.key, v)
		}
	}
	if a.dev && c.Flags().Changed("bind") && !c.Flags().Changed("advertise") {
		add("bind", "advertise_addr", c.Flag("bind").Value.String()) // --dev advertises 127.0.0.1 otherwise
	}
	joins, _ := c.Flags().GetStringArray("join") // it is one, above
	for _, j := range joins {
		add("join", "retry_join", j)
	}
	return src
}

// agent is a running node and what steers it. One goroutine, run, does all.
type agent struct {
	shell   *shell
	source  config.Source
	config  config.Config
	level   *slog.LevelVar
	log     *slog.Logger
	node    *node.Node
	signals <-chan os.Signal
	started time.Time
	late    bool // systemd was told to go on without

	reloads chan chan reloaded // from HTTP
	leaves  chan struct{}      // from HTTP; room for one
	done    chan struct{}
}

type reloaded struct {
	api.Reloaded
	err error
}

func (s *shell) runAgent(ctx context.Context, src config.Source) error {
	c, warnings, err := config.Load(src)
	if err != nil {
		for _, w := range warnings {
			fmt.Fprintf(s.env.Err, "warning: %s\n", w)
		}
		return fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	a := &agent{
		shell: s, source: src, config: c, level: new(slog.LevelVar), started: time.Now(),
		reloads: make(chan chan reloaded), leaves: make(chan struct{}, 1), done: make(chan struct{}),
	}
	a.level.Set(c.LogLevel)
	a.log = newLogger(s.env, c.LogJSON, a.level)
	for _, w := range warnings {
		a.log.Warn("configuration", "note", w.String())
	}
	limitMemory(s.env)
	if s.env.Signals != nil {
		a.signals = s.env.Signals()
	}
	if a.node, err = node.Start(c, node.World{ProbeStore: s.storeProber()}, a.log); err != nil {
		return hintStart(err)
	}
	if err := a.node.Serve(node.Process{Reload: a.askReload, Leave: a.askLeave}); err != nil {
		return errors.Join(hintStart(err), a.node.Close())
	}
	if c.Dev {
		a.banner()
	}
	a.log.Info("started", "node", c.NodeName, "version", node.Version, "id", a.node.Origin())
	return a.run(ctx)
}

// newLogger writes to standard error, where journald reads. Time is left to
// journald when it is there.
func newLogger(env Env, json bool, level *slog.LevelVar) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if env.Getenv("JOURNAL_STREAM") != "" && !json {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		}
	}
	if json {
		return slog.New(slog.NewJSONHandler(env.Err, o))
	}
	return slog.New(slog.NewTextHandler(env.Err, o))
}

func limitMemory(env Env) {
	if env.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if env.Getenv("GOMEMLIMIT") == "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// hintStart says what to do about a start that failed.
func hintStart(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), strings.Contains(err.Error(), "address already in use"):
		return fmt.Errorf("%w\nanother program has that port, or another agent runs here: ss -lntup shows which", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL), strings.Contains(err.Error(), "cannot assign requested address"):
		return fmt.Errorf("%w\nthis host has no such address: ip address lists those it has; see bind_addr", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w\nlet the user of the agent do that, or start it by the systemd unit", err)
	}
	return err
}

// banner tells a newcomer where things are.
func (a *agent) banner() {
	c, s := a.config, a.shell
	s.say("yodel %s runs as %s; --dev keeps nothing on disk. End it with Ctrl-C.", node.Version, c.NodeName)
	if addrs := c.HTTPAddrs(); len(addrs) > 0 {
		client := ""
		if addrs[0].String() != api.DefaultAddress {
			client = " --http-addr " + addrs[0].String()
		}
		s.say("  HTTP    http://%s   try: yodel nodes%s", addrs[0], client)
	}
	if addrs := c.DNSAddrs(); len(addrs) > 0 {
		s.say("  DNS     %s   try: dig @%s -p %d %s.node.%s", addrs[0], addrs[0].Addr(), addrs[0].Port(), c.NodeName, strings.TrimSuffix(c.Domain, "."))
	}
	next := c.BindAddr.Next()
	s.say("  gossip  %s   another: yodel agent --dev --node b --bind %s --http-addr %s:8500 --dns-addr %s:8600 --join %s",
		c.GossipAddr(), next, next, next, c.GossipAddr())
}

// run is the life of the agent: until a signal, a leave, or the end of ctx.
func (a *agent) run(ctx context.Context) error {
	defer close(a.done)
	ready := time.NewTicker(readyInterval)
	defer ready.Stop()
	watchdog, petting := watchdogTicker()
	defer petting()
	for {
		select {
		case <-ready.C:
			if a.isReady(ctx) {
				ready.Stop()
			}
		case <-watchdog:
			if err := a.node.Alive(ctx); err != nil {
				a.log.Error("not alive", "err", err)
				continue
			}
			notify(daemon.SdNotifyWatchdog)
		case reply := <-a.reloads:
			reply <- a.reload()
		case <-a.leaves:
			return a.stop("asked to leave", true)
		case <-ctx.Done():
			return a.stop("cancelled", false)
		case sig := <-a.signals:
			switch sig {
			case syscall.SIGHUP:
				if r := a.reload(); r.err != nil {
					a.log.Error("reload: the old configuration stays", "err", r.err)
				}
			case syscall.SIGTERM:
				return a.stop("terminated", a.config.LeaveOnTerminate)
			default:
				return a.stop("interrupted", !a.config.SkipLeaveOnInterrupt)
			}
		}
	}
}

// isReady looks whether the node is ready and tells systemd, at the latest
// after readyTime.
func (a *agent) isReady(ctx context.Context) bool {
	err := a.node.Ready(ctx)
	switch {
	case err == nil:
		a.log.Info("ready")
		notify(daemon.SdNotifyReady + "\nSTATUS=" + a.config.NodeName + " answers")
		return true
	case !a.late && time.Since(a.started) > readyTime:
		a.late = true
		a.log.Error("not ready", "after", readyTime, "err", err)
		notify(daemon.SdNotifyReady + "\nSTATUS=not ready: " + err.Error())
	case !a.late:
		notify("STATUS=not ready: " + err.Error())
	}
	return false
}

// watchdogTicker ticks twice in the time that systemd gives; never without it.
func watchdogTicker() (<-chan time.Time, func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval / 2)
	return t.C, t.Stop
}

// notify tells systemd, where it started us; sd_notify(3).
func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // nobody to tell that it failed
}

// askReload and askLeave come from HTTP, on goroutines of their own.
func (a *agent) askReload() (api.Reloaded, error) {
	reply := make(chan reloaded, 1)
	select {
	case a.reloads <- reply:
	case <-a.done:
		return api.Reloaded{}, errors.New("reload: the agent is stopping")
	}
	r := <-reply
	return r.Reloaded, r.err
}

func (a *agent) askLeave() error {
	select {
	case a.leaves <- struct{}{}:
	default: // it is leaving already
	}
	return nil
}

// reload reads the files again and applies what can change while running.
func (a *agent) reload() reloaded {
	notify(reloading())
	defer notify(daemon.SdNotifyReady)
	c, warnings, err := config.Load(a.source)
	if err != nil {
		return reloaded{err: api.Invalid("the configuration is not valid, the old one stays:\n%v", err)}
	}
	applied, _ := config.Diff(a.config, c)
	restart, err := a.node.Reload(c)
	if err != nil {
		return reloaded{err: fmt.Errorf("reload: %w", err)}
	}
	a.level.Set(c.LogLevel)
	a.config = config.Keep(a.config, c, restart)
	r := reloaded{Reloaded: api.Reloaded{Applied: applied, Restart: restart}}
	for _, w := range warnings {
		r.Notes = append(r.Notes, w.String())
	}
	return r
}

// reloading is what Type=notify-reload wants: the moment with it.
func reloading() string {
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic()/time.Microsecond)
}

// stop ends the node in bounded time. A second signal ends the waiting.
func (a *agent) stop(why string, leave bool) error {
	notify(daemon.SdNotifyStopping)
	a.log.Info("stopping", "why", why, "leave", leave)
	ended := make(chan error, 1)
	go func() {
		if leave {
			ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
			if err := a.node.Leave(ctx); err != nil {
				a.log.Warn("leave", "err", err)
			}
			cancel()
		}
		ended <- a.node.Close()
	}()
	late := time.After(stopTime)
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("stop: %w", err)
			}
			a.log.Info("stopped")
			return nil
		case <-late:
			return fmt.Errorf("stop: not done after %v, ending anyway", stopTime)
		case sig := <-a.signals:
			if sig != syscall.SIGHUP {
				return errors.New("stop: ended at once by a second signal")
			}
		}
	}
}
