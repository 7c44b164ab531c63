package cli_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/yodel-mesh/yodel/cli"
)

func TestMain(m *testing.M) {
	// The scripts wait for agents more than they compute.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"yodel": func() { os.Exit(cli.Main()) }})
}

// Each command in a script of its own, with its mistakes, against real agents.
func TestScripts(t *testing.T) {
	var scripts atomic.Int32
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// Addresses of its own for each script, and for each run beside another.
			n := scripts.Add(1)
			for i := 1; i <= 3; i++ {
				e.Setenv(fmt.Sprintf("IP%d", i), fmt.Sprintf("127.77.%d.%d", 1+os.Getpid()%250, 4*int(n)+i))
			}
			e.Setenv("YODEL_HTTP_ADDR", net.JoinHostPort(e.Getenv("IP1"), "8500"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each command otherwise
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"until": until, "damage": damage},
		Condition: func(c string) (bool, error) {
			if c == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", c)
		},
	})
}

// until runs a command again until its output matches, for up to 15 seconds:
//
//	until PATTERN yodel nodes
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	var out string
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		out = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if err == nil && pattern.MatchString(out) != neg {
			return
		}
	}
	ts.Fatalf("%s: %q did not come in time; last:\n%s", strings.Join(args[1:], " "), args[0], out)
}

// damage zeroes the end of every table of a store, and takes care that the
// next start looks closely:
//
//	damage DIR
func damage(ts *testscript.TestScript, _ bool, args []string) {
	tables, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.sst"))
	ts.Check(err)
	if len(tables) == 0 {
		ts.Fatalf("no tables in %s", args[0])
	}
	for _, table := range tables {
		b, err := os.ReadFile(table)
		ts.Check(err)
		clear(b[max(0, len(b)-64):])
		ts.Check(os.WriteFile(table, b, 0o600))
	}
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "unclean"), nil, 0o600))
}
