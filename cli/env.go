package cli

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Env is what a command may touch of the process it runs in.
type Env struct {
	Args     []string // without the name of the program
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Terminal bool   // Out is a terminal
	Watched  bool   // Err is a terminal: somebody waits there
	Program  string // the path of this very program; empty: it cannot be run again
	// Signals begins to catch INT, TERM and HUP. Only the agent calls it: every
	// other command ends by them as programs do.
	Signals func() <-chan os.Signal
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it was asked well and did not work
	exitUsage   = 2 // it was asked wrongly
)

// Main runs the command of this process and answers its exit code.
func Main() int {
	return Run(context.Background(), Env{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		Terminal: isTerminal(os.Stdout), Watched: isTerminal(os.Stderr), Program: program(os.Args[0]), Signals: catchSignals,
	})
}

// program is the path under which this process was started.
func program(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	return path
}

func catchSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 8) // more than a person presses
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return signals
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
