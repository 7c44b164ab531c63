package cli

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
)

// definitionMax bounds a file of definitions: the agent takes no more.
const definitionMax = 1 << 20

func (s *shell) register() *cobra.Command {
	return s.asking(&cobra.Command{
		Use: "register FILE", Short: "run the services and checks of a file on this host", Args: exactly("FILE"),
		Long: "register takes service and check definitions in HCL or JSON, as Consul writes them; - reads\nstandard input. They run until they are deregistered, across restarts.",
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			b, err := s.readFile(args[0], definitionMax)
			if err != nil {
				return err
			}
			name := filepath.Base(args[0])
			if args[0] == "-" {
				name = "stdin"
			}
			r, err := c.Register(ctx, name, b)
			if err != nil {
				return err
			}
			if done, err := s.emit(r); done {
				return err
			}
			for _, id := range r.Services {
				s.say("registered service %s", printable(id))
			}
			for _, id := range r.Checks {
				s.say("registered check %s", printable(id))
			}
			return nil
		}),
	})
}

func (s *shell) deregister() *cobra.Command {
	return s.online(&cobra.Command{
		Use: "deregister ID", Short: "take a service, or a check, off this host", Args: exactly("ID"),
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			id := args[0]
			err := c.DeregisterService(ctx, id)
			if err == nil {
				s.say("deregistered service %s", printable(id))
				return nil
			}
			if !notFound(err) {
				return err
			}
			if err = c.DeregisterCheck(ctx, id); err == nil {
				s.say("deregistered check %s", printable(id))
				return nil
			}
			if !notFound(err) {
				return err
			}
			return s.unknownID(ctx, c, id)
		}),
	})
}

func notFound(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// unknownID names the services and checks that this host has instead.
func (s *shell) unknownID(ctx context.Context, c *api.Client, id string) error {
	var ids []string
	if self, err := c.Self(ctx); err == nil {
		if n, err := c.Node(ctx, self.Config.NodeID); err == nil {
			for _, i := range n.Services {
				ids = append(ids, i.ID)
			}
			for _, k := range n.Checks {
				ids = append(ids, k.ID)
			}
		}
	}
	hint := didYouMean(id, ids)
	if hint == "" {
		hint = "; yodel services --json lists ids, and each host deregisters its own"
	}
	return errors.New("no service and no check " + id + " on this host" + hint)
}

func (s *shell) maint() *cobra.Command {
	c := &cobra.Command{Use: "maint", Short: "take this host, or a service on it, out of every answer", Args: cobra.ArbitraryArgs, RunE: group}
	c.AddCommand(s.maintSet("on", "begin maintenance"), s.maintSet("off", "end maintenance"))
	return c
}

func (s *shell) maintSet(word, short string) *cobra.Command {
	var reason string
	on := word == "on"
	c := s.online(&cobra.Command{
		Use: word + " [SERVICE]", Short: short + " of the host, or of the service with this id", Args: atMost(1),
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			id, what := "", "this host"
			if len(args) > 0 {
				id, what = args[0], "service "+args[0]
			}
			err := c.Maintain(ctx, id, on, reason)
			if notFound(err) && id != "" {
				return s.unknownID(ctx, c, id)
			}
			if err != nil {
				return err
			}
			s.say("maintenance is %s for %s", word, printable(what))
			return nil
		}),
	})
	if on {
		c.Flags().StringVar(&reason, "reason", "", "why, for those who look")
	}
	return c
}
