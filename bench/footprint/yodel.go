package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/api"
)

// The second byte of the addresses of the two meshes.
const (
	yodelNet = 1
	serfNet  = 2
)

// target is what the checks of an agent look at.
const target = "127.1.255.1:18080"

func listenTarget() (net.Listener, error) {
	l, err := net.Listen("tcp", target)
	if err != nil {
		return nil, err
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })) // ends with the listener
	return l, nil
}

// startYodel starts two agents: one that only is a member, and one that also
// looks at two services with eight checks every 10 s.
func (b *bench) startYodel(ctx context.Context, m *mesh) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if m.crowd, err = startCrowd(b.dir, self, "crowd", fmt.Sprint(b.members-2), b.pace.String()); err != nil {
		return err
	}
	m.members = b.members - 2
	if err := m.await(ctx, 5*time.Minute); err != nil {
		return err
	}
	for i, definitions := range []string{"", checked()} {
		name := []string{"yodel agent", "yodel agent, 8 checks"}[i]
		a, err := b.yodelAgent(name, b.members-2+i, definitions)
		if err != nil {
			return err
		}
		m.agents = append(m.agents, a)
		m.members++
	}
	return nil
}

// checked are the definitions of two services with four checks each.
func checked() string {
	var out strings.Builder
	for s := range 2 {
		fmt.Fprintf(&out, "service {\n name = \"web%d\"\n port = 18080\n", s)
		for range 2 {
			fmt.Fprintf(&out, " check {\n http = \"http://%s/\"\n interval = \"10s\"\n }\n", target)
			fmt.Fprintf(&out, " check {\n tcp = \"%s\"\n interval = \"10s\"\n }\n", target)
		}
		out.WriteString("}\n")
	}
	return out.String()
}

func (b *bench) yodelAgent(name string, i int, definitions string) (*agent, error) {
	address := seat(yodelNet, i).String()
	dir, err := os.MkdirTemp(b.dir, "agent-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "yodel.hcl")
	text := fmt.Sprintf("client_addr = %q\nretry_join = [%q, %q]\n%s", address, seat(yodelNet, i/2), seat(yodelNet, 0), definitions)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	a, err := startAgent(b.dir, name, address, b.yodel, "agent", "--config-file", file, "--node", fmt.Sprintf("agent%d", i),
		"--bind", address, "--data-dir", filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	c, err := api.NewClient(api.ClientConfig{Address: "http://" + net.JoinHostPort(address, "8500")})
	if err != nil {
		return nil, err
	}
	a.knows = func(ctx context.Context) (int, error) {
		nodes, err := c.Nodes(ctx, api.Selection{Filter: `Version != "" and Status == "alive"`})
		return len(nodes), err
	}
	return a, nil
}
