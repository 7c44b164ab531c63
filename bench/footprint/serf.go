package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// serfVersion is the one that yodel is built on.
const serfVersion = "v0.11.0"

// serfModule is a module of its own, so that what the serf command needs stays
// out of ours.
//
//go:embed testdata/serf
var serfModule embed.FS

// buildSerf builds the stock agent and the crowd once, from the module proxy
// into the user's cache.
func buildSerf() (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "yodel-bench", "serf-"+serfVersion)
	source, err := os.MkdirTemp("", "yodel-serf-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(source)
	for _, name := range []string{"go.mod.txt", "go.sum.txt", "main.go.txt"} {
		b, err := serfModule.ReadFile("testdata/serf/" + name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(source, strings.TrimSuffix(name, ".txt")), b, 0o600); err != nil {
			return "", err
		}
	}
	say("building serf %s into %s", serfVersion, dir)
	for name, path := range map[string]string{"serf": "github.com/hashicorp/serf/cmd/serf", "crowd": "."} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), path)
		build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", path, err, out)
		}
	}
	return dir, nil
}

func (b *bench) startSerf(ctx context.Context, m *mesh) error {
	programs, err := buildSerf()
	if err != nil {
		return err
	}
	if m.crowd, err = startCrowd(b.dir, filepath.Join(programs, "crowd"), fmt.Sprint(b.members-1), b.pace.String(), fmt.Sprint(serfNet)); err != nil {
		return err
	}
	m.members = b.members - 1
	if err := m.await(ctx, 5*time.Minute); err != nil {
		return err
	}
	address := seat(serfNet, b.members-1).String()
	rpc := address + ":7373"
	program := filepath.Join(programs, "serf")
	a, err := startAgent(b.dir, "serf agent", address, program, "agent", "-node", "agent", "-bind", address+":7946",
		"-rpc-addr", rpc, "-join", seat(serfNet, 0).String()+":7946", "-tag", "role=datanode")
	if err != nil {
		return err
	}
	a.knows = func(ctx context.Context) (int, error) {
		out, err := exec.CommandContext(ctx, program, "members", "-rpc-addr", rpc, "-status", "alive").Output()
		return strings.Count(string(out), "alive"), err
	}
	m.agents, m.members = append(m.agents, a), b.members
	return nil
}
