package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: longer than %d KiB, the limit", name, limit>>10)
	}
	return b, nil
}

// plural is "1 node" or "2 nodes".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func itoa(n int) string { return strconv.Itoa(n) }
