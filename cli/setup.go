package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/node"
)

// configDir is where packages put the configuration.
const configDir = "/etc/yodel"

func (s *shell) init() *cobra.Command {
	var st config.Starter
	c := &cobra.Command{
		Use: "init", Short: "write a starter configuration: gossip key, signers, systemd drop-in", Args: atMost(0),
		Long: "init makes the files for a first host. For every further one, copy them, or give init the\nkey of the first: --encrypt KEY --join FIRST. It overwrites nothing.",
		RunE: func(*cobra.Command, []string) error { return s.writeStarter(st) },
	}
	f := c.Flags()
	f.StringVar(&st.Dir, "dir", configDir, "where the files go")
	f.StringVar(&st.DataDir, "data-dir", "", "what the agent keeps, and where (default /var/lib/yodel)")
	f.StringVar(&st.Datacenter, "datacenter", "", "where these hosts stand (default dc1)")
	f.StringArrayVar(&st.Join, "join", nil, "a host that is there already; repeat for several")
	f.StringVar(&st.Encrypt, "encrypt", "", "the gossip key of the mesh (default a fresh one)")
	f.StringVar(&st.SSHDir, "ssh-dir", "", "whose public keys may order jobs (default ~/.ssh)")
	f.StringVar(&st.Principal, "principal", "", "the name of their owner (default the comment of the key)")
	f.StringVar(&st.Binary, "binary", "", "the program in the systemd drop-in (default /usr/bin/yodel)")
	return s.printing(c)
}

func (s *shell) writeStarter(st config.Starter) error {
	if st.SSHDir == "" {
		if home := s.env.Getenv("HOME"); home != "" {
			st.SSHDir = filepath.Join(home, ".ssh")
		}
	}
	files, err := st.Files()
	if err != nil {
		return err
	}
	if err := config.WriteStarter(files); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%w; run it as root, or choose another place with --dir", err)
		}
		return err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Path)
	}
	if done, err := s.emit(names); done {
		return err
	}
	for _, name := range names {
		s.say("wrote %s", name)
	}
	s.say("\nnext:\n  1. look at %s and set what differs on your hosts\n  2. yodel validate %s\n  3. yodel agent --config-dir %s, or, for the unit of the package: install -o root -g yodel -m 0640 %s/yodel.hcl /etc/yodel/\n  4. copy the files to the other hosts: the gossip key must be the same everywhere",
		files[0].Path, st.Dir, st.Dir, st.Dir)
	return nil
}

func (s *shell) validate() *cobra.Command {
	return s.printing(&cobra.Command{
		Use: "validate [FILE|DIR]...", Short: "check configuration files: every problem, with file and line",
		Long: "validate reads files, and directories of .hcl and .json files (default " + configDir + "), as the\nagent would, and changes nothing. Warnings do not fail it.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{configDir}
			}
			return s.validatePaths(args)
		},
	})
}

func (s *shell) validatePaths(paths []string) error {
	c, warnings, err := config.Load(config.Source{Paths: paths})
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	if s.json {
		type findings struct{ Problems, Warnings config.Problems }
		out := findings{append(config.Problems{}, problems...), append(config.Problems{}, warnings...)}
		if _, err := s.emit(out); err != nil {
			return err
		}
		if len(problems) > 0 {
			return errors.New("")
		}
		return nil
	}
	for _, w := range warnings {
		fmt.Fprintf(s.env.Err, "warning: %s\n", w)
	}
	for _, p := range problems {
		fmt.Fprintln(s.env.Err, p)
	}
	if len(problems) > 0 {
		return errors.New(plural(len(problems), "problem"))
	}
	checks := len(c.Checks)
	for _, one := range c.Services {
		checks += len(one.Checks)
	}
	s.say("the configuration is valid: node %s in %s, %s, %s", c.NodeName, c.Datacenter, plural(len(c.Services), "service"), plural(checks, "check"))
	return nil
}

// build is what yodel version says.
type build struct {
	Version, Go, Platform string
	Commit                string `json:",omitempty"`
}

func (s *shell) version() *cobra.Command {
	return s.printing(&cobra.Command{
		Use: "version", Short: "print the version", Args: atMost(0),
		RunE: func(*cobra.Command, []string) error {
			b := build{Version: node.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, set := range info.Settings {
					if set.Key == "vcs.revision" {
						b.Commit = set.Value[:min(12, len(set.Value))]
					}
				}
			}
			if done, err := s.emit(b); done {
				return err
			}
			s.say("yodel %s (%s)", b.Version, words(b.Go, b.Platform, b.Commit))
			return nil
		},
	})
}
