package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/store"
)

// shell is one run of the command.
type shell struct {
	env  Env
	json bool

	address, caFile string
	selection       api.Selection
}

// usageError is a question asked wrongly: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs one command and answers its exit code.
func Run(ctx context.Context, env Env) int {
	root := Command(env)
	root.SetArgs(env.Args)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitFailure
	if errors.As(err, new(damaged)) {
		code = store.ProbeDamaged
	}
	text := strings.TrimSpace(err.Error())
	if text != "" {
		fmt.Fprintf(env.Err, "yodel: %s\n", text)
	}
	if errors.As(err, new(usageError)) {
		code = exitUsage
		fmt.Fprintf(env.Err, "see: %s --help\n", c.CommandPath())
	}
	return code
}

// Command is the whole command tree.
func Command(env Env) *cobra.Command {
	s := &shell{env: env}
	root := &cobra.Command{
		Use:   "yodel",
		Short: "a mesh of hosts that find each other and answer for each other",
		Long: "yodel lets hosts find each other by gossip, without servers. Every host can then\n" +
			"answer, from its own memory: who is here, what runs where, is it healthy, and\n" +
			"where to connect.\n\nStart one here:      yodel agent --dev\nAsk it:              yodel nodes",
		SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs, RunE: group,
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		s.agent(), s.init(), s.validate(),
		s.members(), s.nodes(), s.services(), s.checks(), s.node(),
		s.join(), s.leave(), s.forceLeave(), s.reload(), s.keyring(),
		s.register(), s.deregister(), s.maint(),
		s.inventory(), s.hosts(), s.rack(), s.doctor(), s.sim(), s.version(), s.probeStore(),
	)
	root.InitDefaultCompletionCmd()
	usageArgs(root)
	return root
}

// usageArgs makes wrong arguments of every command usage errors.
func usageArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				if errors.As(err, new(usageError)) {
					return err
				}
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// group is the command that only has subcommands.
func group(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		if err := c.Help(); err != nil || !c.HasParent() {
			return err
		}
		return usagef("which of them?")
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usagef("%s has no command %q%s", c.CommandPath(), args[0], didYouMean(args[0], names))
}

// flagError names the nearest flag.
func flagError(c *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return usageError{err}
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return usagef("%s has no flag --%s%s", c.CommandPath(), name, didYouMean("--"+name, names))
}

func didYouMean(name string, names []string) string {
	if near := api.Nearest(name, names); len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return ""
}

// online gives a command the flags of one that asks an agent.
func (s *shell) online(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&s.address, "http-addr", "", "the agent to ask, host:port or URL (default $YODEL_HTTP_ADDR or "+api.DefaultAddress+")")
	c.Flags().StringVar(&s.caFile, "ca-file", "", "certificates to trust beside the system's (default $YODEL_CACERT)")
	c.Long = strings.TrimSpace(c.Long)
	return c
}

// printing gives a command --json.
func (s *shell) printing(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return c
}

// selecting gives a command --filter and --tag.
func (s *shell) selecting(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&s.selection.Filter, "filter", "", `only those for which this is true, such as 'rack == "/dc1/r12" and Facts.Memory.Total > 64GB'`)
	c.Flags().StringArrayVarP(&s.selection.Tags, "tag", "t", nil, "only nodes with this tag, such as role=datanode; repeat for several")
	return c
}

// asking is a command that asks an agent and prints what it said.
func (s *shell) asking(c *cobra.Command) *cobra.Command { return s.online(s.printing(c)) }

// client is the agent that the flags and the environment name.
func (s *shell) client() (*api.Client, error) {
	c := api.ClientConfig{Address: s.address, Token: s.env.Getenv("YODEL_HTTP_TOKEN"), CAFile: s.caFile}
	if c.Address == "" {
		c.Address = s.env.Getenv("YODEL_HTTP_ADDR")
	}
	if c.CAFile == "" {
		c.CAFile = s.env.Getenv("YODEL_CACERT")
	}
	client, err := api.NewClient(c)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// with runs f with a client.
func (s *shell) with(f func(context.Context, *api.Client, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		client, err := s.client()
		if err != nil {
			return err
		}
		return f(c.Context(), client, args)
	}
}

// emit prints v as JSON when that was asked for, and says whether it did.
func (s *shell) emit(v any) (bool, error) {
	if !s.json {
		return false, nil
	}
	enc := json.NewEncoder(s.env.Out)
	enc.SetIndent("", "  ")
	return true, enc.Encode(v)
}

func (s *shell) say(format string, args ...any) {
	fmt.Fprintf(s.env.Out, format+"\n", args...)
}

func (s *shell) warn(format string, args ...any) {
	fmt.Fprintf(s.env.Err, "yodel: "+format+"\n", args...)
}

// nodeNames completes the names of nodes.
func (s *shell) nodeNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := s.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second) // a person waits
	defer cancel()
	nodes, err := client.Nodes(ctx, api.Selection{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// exactly wants n arguments, and says which.
func exactly(what ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(what) {
			return nil
		}
		if len(args) > len(what) {
			return usagef("%s takes no %q", c.CommandPath(), args[len(what)])
		}
		return usagef("%s is missing; write: %s %s", what[len(args)], c.CommandPath(), strings.Join(what, " "))
	}
}

// atMost wants up to n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%s takes no %q", c.CommandPath(), args[n])
		}
		return nil
	}
}

// some wants at least one argument.
func some(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s is missing; write: %s %s...", what, c.CommandPath(), what)
		}
		return nil
	}
}

// excluding makes two flags of a command exclude each other.
func excluding(c *cobra.Command, a, b string) {
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed(a) && c.Flags().Changed(b) {
			return usagef("--%s and --%s exclude each other", a, b)
		}
		return nil
	}
}

// readFile reads a file, or what comes in for "-", up to a limit.
func (s *shell) readFile(name string, limit int64) ([]byte, error) {
	if name == "-" {
		return readAll(s.env.In, "standard input", limit)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return readAll(f, name, limit)
}
