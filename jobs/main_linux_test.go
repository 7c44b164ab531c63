package jobs

import (
	"os"
	"syscall"
	"testing"
)

// The test program is the helper too, and the agent that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "job-helper":
			// Without the race detector's second at the end.
			syscall.Exit(Supervise(os.Args[2:]))
		case "agent-stand-in":
			syscall.Exit(standIn(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}
