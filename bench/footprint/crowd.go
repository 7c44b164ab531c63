package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// crowd is the process with all members but the agents. It is asked on its
// standard input, a line for a line, and ends when that ends.
type crowd struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// census is the crowd's answer: what the worst informed member knows.
type census struct {
	Members int
	Alive   int    // the fewest that a member sees alive
	Full    int    // the fewest that a member has heard everything of
	Who     string // that member
}

// startCrowd runs a crowd and waits until all have joined.
func startCrowd(dir, program string, args ...string) (*crowd, error) {
	// Other work on a shared machine must not starve the crowd. Where it is not
	// allowed to, nice says so and goes on; what the agents take stays the same.
	c := &crowd{cmd: exec.Command("nice", append([]string{"-n", "-15", program}, args...)...)}
	log, err := os.Create(filepath.Join(dir, "crowd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd.Stderr = io.MultiWriter(log, os.Stderr)
	c.cmd.Env = append(os.Environ(), "GOGC=400") // its memory is not measured, and the cores are few
	in, err1 := c.cmd.StdinPipe()
	out, err2 := c.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, c.cmd.Start()); err != nil {
		return nil, fmt.Errorf("start the crowd: %w", err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	if !c.out.Scan() { // its first line says that it is there
		b, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("start the crowd: it ended: %s", b), c.close())
	}
	return c, nil
}

func (c *crowd) whole(members int) error {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return fmt.Errorf("ask the crowd: %w", err)
	}
	if !c.out.Scan() {
		return fmt.Errorf("ask the crowd: it ended: %w", c.out.Err())
	}
	var got census
	if err := json.Unmarshal(c.out.Bytes(), &got); err != nil {
		return fmt.Errorf("ask the crowd: %w", err)
	}
	if got.Alive != members || got.Full != members {
		return fmt.Errorf("%s of the crowd sees %d alive and knows %d in full, want %d", got.Who, got.Alive, got.Full, members)
	}
	return nil
}

func (c *crowd) close() error {
	c.in.Close()
	timer := time.AfterFunc(time.Minute, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("end the crowd: %w", err)
	}
	return nil
}
