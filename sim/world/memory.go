package world

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// What a world takes, measured with the garbage target that the command sets:
// every host knows every host.
const (
	bytesPerPair = 9 << 10
	bytesPerHost = 1 << 20
)

// fits refuses a world for which there is not enough memory, before it starves
// everything else on the machine.
func fits(nodes int) error {
	need := uint64(nodes)*uint64(nodes)*bytesPerPair + uint64(nodes)*bytesPerHost
	free, known := available()
	if known && need > free {
		return fmt.Errorf("nodes: %d real nodes take about %d MB, and %d MB are free: take fewer, or the model", nodes, need>>20, free>>20)
	}
	return nil
}

// available is the memory that can be had without swapping, where the system
// tells.
func available() (bytes uint64, known bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kB uint64
		if strings.HasPrefix(lines.Text(), "MemAvailable:") {
			_, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kB)
			return kB << 10, err == nil
		}
	}
	return 0, false
}

// resident is what this process has of memory now, where the system tells.
func resident() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
