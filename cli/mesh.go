package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
)

func (s *shell) join() *cobra.Command {
	return s.online(&cobra.Command{
		Use: "join HOST[:PORT]...", Short: "make the agent here join the mesh of other hosts", Args: some("HOST[:PORT]"),
		Long: "join makes the running agent join now. To join after every start, write the hosts into retry_join.",
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			joined, failed := 0, []error{}
			for _, address := range args {
				n, err := c.Join(ctx, address)
				joined += n
				if err != nil {
					failed = append(failed, err)
				}
			}
			if joined == 0 {
				return fmt.Errorf("%w\nis yodel running there, with the same gossip key, and is port 8301 open for TCP and UDP?", errors.Join(failed...))
			}
			for _, err := range failed {
				s.warn("%v", err)
			}
			s.say("joined %s", plural(joined, "member"))
			return nil
		}),
	})
}

func (s *shell) leave() *cobra.Command {
	return s.online(&cobra.Command{
		Use: "leave", Short: "make the agent leave the mesh and end", Args: atMost(0),
		Long: "leave tells the mesh that this host goes: its names and services leave every answer\nat once, and the agent ends. To restart an agent, just stop and start it.",
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			if err := c.Leave(ctx); err != nil {
				return err
			}
			s.say("the agent at %s leaves the mesh and ends", c.Address())
			return nil
		}),
	})
}

func (s *shell) forceLeave() *cobra.Command {
	var prune bool
	c := s.online(&cobra.Command{
		Use: "force-leave NAME", Short: "make a failed node one that left", Args: exactly("NAME"), ValidArgsFunction: s.nodeNames,
		Long: "force-leave is for a host that will not come back: its name leaves every answer now\nand not only after reconnect_timeout.",
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			if err := c.ForceLeave(ctx, args[0], prune); err != nil {
				return err
			}
			s.say("%s has left", args[0])
			return nil
		}),
	})
	c.Flags().BoolVar(&prune, "prune", false, "forget it too, instead of listing it as left")
	return c
}

func (s *shell) reload() *cobra.Command {
	return s.asking(&cobra.Command{
		Use: "reload", Short: "make the agent read its configuration again", Args: atMost(0),
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			r, err := c.Reload(ctx)
			if err != nil {
				return err
			}
			if done, err := s.emit(r); done {
				return err
			}
			for _, note := range r.Notes {
				s.warn("%s", printable(note))
			}
			switch {
			case len(r.Applied)+len(r.Restart) == 0:
				s.say("nothing changed in the configuration; facts are collected again")
			case len(r.Applied) > 0:
				s.say("applied: %s", strings.Join(r.Applied, ", "))
			}
			if len(r.Restart) > 0 {
				s.say("in force after a restart of the agent: %s", strings.Join(r.Restart, ", "))
			}
			return nil
		}),
	})
}

func (s *shell) keyring() *cobra.Command {
	c := &cobra.Command{
		Use: "keyring", Short: "the gossip keys of the mesh", Args: cobra.ArbitraryArgs, RunE: group,
		Long: "A rotation is three steps, each once all members are here: install the new key,\nuse it, remove the old one. Then write the new key into encrypt on every host.",
	}
	c.AddCommand(s.keyringList(), s.keyringGenerate(),
		s.keyringChange("install", "give every member a key, to be used later"),
		s.keyringChange("use", "make every member encrypt with an installed key"),
		s.keyringChange("remove", "take a key from every member"))
	return c
}

func (s *shell) keyringList() *cobra.Command {
	return s.asking(&cobra.Command{
		Use: "list", Short: "list the keys, and on how many members each is", Args: atMost(0),
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			rings, err := c.Keyring(ctx)
			if err != nil {
				return err
			}
			if done, err := s.emit(rings); done {
				return err
			}
			t := s.table("KEY", "INSTALLED", "IN USE")
			for _, r := range rings {
				for _, k := range keys(r.Keys) {
					t.add(k, fmt.Sprintf("%d/%d", r.Keys[k], r.NumNodes), fmt.Sprintf("%d/%d", r.PrimaryKeys[k], r.NumNodes))
				}
			}
			if err := t.print(); err != nil {
				return err
			}
			for _, r := range rings {
				for _, member := range keys(r.Messages) {
					s.warn("%s: %s", printable(member), printable(r.Messages[member]))
				}
				if r.NumResp > 0 && r.NumResp < r.NumNodes {
					s.warn("%d of %s did not answer: wait for them before the next step", r.NumNodes-r.NumResp, plural(r.NumNodes, "member"))
				}
			}
			return nil
		}),
	})
}

func (s *shell) keyringGenerate() *cobra.Command {
	return &cobra.Command{
		Use: "generate", Short: "print a fresh key; asks no agent", Args: atMost(0),
		RunE: func(*cobra.Command, []string) error {
			var key [32]byte // AES-256
			rand.Read(key[:])
			s.say("%s", base64.StdEncoding.EncodeToString(key[:]))
			return nil
		},
	}
}

func (s *shell) keyringChange(operation, short string) *cobra.Command {
	return s.online(&cobra.Command{
		Use: operation + " KEY", Short: short, Args: exactly("KEY"),
		Long: short + ". KEY is base64; - reads it from standard input, so that it shows in no list of processes.",
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			key := args[0]
			if key == "-" {
				b, err := readAll(s.env.In, "standard input", 1<<10)
				if err != nil {
					return err
				}
				key = strings.TrimSpace(string(b))
			}
			if b, err := base64.StdEncoding.DecodeString(key); err != nil || len(b) != 16 && len(b) != 24 && len(b) != 32 {
				return usagef("this is no gossip key: it is the base64 of 16, 24 or 32 bytes; yodel keyring generate makes one")
			}
			if err := c.ChangeKey(ctx, operation, key); err != nil {
				return err
			}
			s.say("%s: done on every member", operation)
			return nil
		}),
	})
}
