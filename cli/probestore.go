package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/store"
)

// probeStoreName is what the agent runs of its own program before it opens its
// store: a damaged one may end that process, but not the agent.
const probeStoreName = "probe-store"

// damaged is the end of a probe that found damage: an exit code of its own.
type damaged struct{ error }

func (s *shell) probeStore() *cobra.Command {
	return &cobra.Command{
		Use: probeStoreName + " DIR", Short: "try to open a store and read all of it", Args: exactly("DIR"), Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			err := store.Probe(args[0])
			if errors.Is(err, store.ErrDamaged) {
				return damaged{err}
			}
			return err
		},
	}
}

// storeProber runs the command above, if this process can be run again.
func (s *shell) storeProber() func(dir string) error {
	if s.env.Program == "" {
		return nil
	}
	return store.Child(s.env.Program, probeStoreName)
}
