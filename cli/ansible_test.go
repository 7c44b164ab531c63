package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/yodel-mesh/yodel/catalog"
)

// The real ansible-inventory takes our inventory, without a warning.
func TestAnsibleTakesTheInventory(t *testing.T) {
	program, err := exec.LookPath("ansible-inventory")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("ansible-inventory is not installed: pip install ansible-core")
		}
		t.Skip("ansible-inventory is not installed")
	}
	b, err := json.Marshal(ansible([]*catalog.Node{
		host("dn1.example.com", "10.0.0.1", func(n *catalog.Node) {
			n.Tags, n.Datacenter, n.Rack = map[string]string{"role": "data-node"}, "dc1", "/dc1/r12"
			n.Services = []*catalog.Service{{ID: "w1", Name: "web"}}
		}),
		host("dn2.example.com", "10.0.0.2", func(n *catalog.Node) { n.Status = catalog.Failed }),
	}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, answer := filepath.Join(dir, "yodel.inventory"), filepath.Join(dir, "answer.json")
	if err := os.WriteFile(answer, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec cat "+answer+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ask := func(v any, args ...string) {
		t.Helper()
		c := exec.Command(program, append([]string{"-i", script}, args...)...)
		c.Env = append(os.Environ(), "HOME="+dir, "ANSIBLE_LOCAL_TEMP="+dir, "ANSIBLE_INVENTORY_UNPARSED_FAILED=1", "LC_ALL=C.UTF-8")
		var warnings writer
		c.Stderr = &warnings
		out, err := c.Output()
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v: %v\n%s", args, err, warnings)
		}
		if err := json.Unmarshal(out, v); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	var groups map[string]struct{ Hosts []string }
	ask(&groups, "--list")
	for _, g := range []string{"role_data_node", "datacenter_dc1", "rack_dc1_r12", "service_web", "status_alive"} {
		if h := groups[g].Hosts; len(h) != 1 || h[0] != "dn1.example.com" {
			t.Errorf("Ansible has %v in %s", h, g)
		}
	}
	var variables map[string]any
	ask(&variables, "--host", "dn2.example.com")
	if variables["ansible_host"] != "10.0.0.2" || variables["yodel_status"] != "failed" {
		t.Errorf("Ansible has %v", variables)
	}
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }
