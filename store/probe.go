package store

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Probe opens a store and reads all of it. It is for a process of its own,
// which a damaged table may end: whoever started that process learns from its
// end. The process exits with ProbeDamaged if the error is ErrDamaged, and with
// another code but 0 for any other error.
func Probe(dir string) error {
	s, err := Open(dir, Config{Floor: closeSpace})
	if err != nil {
		return err
	}
	var errs []error
	for _, bucket := range s.buckets() {
		errs = append(errs, s.Each(bucket, "", func(string, []byte) error { return nil }))
	}
	return errors.Join(append(errs, s.Close())...)
}

// ProbeDamaged is the exit code of a process that found damage. One that died
// of it ends with 2 and says where its goroutines were, as the Go runtime does
// for panics and for SIGBUS.
const ProbeDamaged = 3

// Child is a Config.Probe that runs a program with the given arguments and the
// directory after them; that program calls Probe. Any other end than those two
// says nothing about the store, and is an error that is not ErrDamaged.
func Child(program string, args ...string) func(dir string) error {
	return func(dir string) error {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		var output head
		cmd := exec.CommandContext(ctx, program, append(append([]string{}, args...), dir)...)
		cmd.Stderr = &output
		err := cmd.Run()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("probe: no end after %v", probeTimeout)
		}
		code, said := cmd.ProcessState.ExitCode(), string(output)
		if code == ProbeDamaged || code == 2 && strings.Contains(said, "\ngoroutine ") {
			return fmt.Errorf("%w: %v: %s", ErrDamaged, err, firstLine(said))
		}
		return fmt.Errorf("probe: %w: %s", err, firstLine(said))
	}
}

// A head keeps the beginning of what is written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), probeOutput-len(*h))]...)
	return len(b), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line[:min(len(line), 300)]
}

// buckets are those that have, or had, keys on disk.
func (s *Store) buckets() (names []string) {
	prefix := []byte{spaceCount}
	s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		for it.Seek(prefix); it.ValidForPrefix(prefix); it.Next() {
			names = append(names, string(it.Item().KeyCopy(nil)[1:]))
		}
		return nil
	})
	return names
}
