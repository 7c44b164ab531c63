//go:build !linux

package jobs

import (
	"context"
	"errors"
	"io"
	"os"
)

// ErrGone: there is no supervisor to tell.
var ErrGone = errors.New("the run has ended")

// A Runner carries out orders; on Linux only. Elsewhere orders are made, signed
// and watched.
type Runner struct {
	Dir    string
	Helper []string
	Place  func(pid int, job ID) error
}

// A Run is an order that is carried out here.
type Run struct{}

var errLinux = errors.New("jobs run on Linux only")

func makeFIFOs(string) error { return errLinux }

// Supervise fails.
func Supervise([]string) int { return 1 }

// Prepare refuses.
func (Runner) Prepare(Order, func(Hash) (io.ReadCloser, error)) (*Run, error) {
	return nil, refuse(Impossible, "%v", errLinux)
}

// Attach fails.
func (Runner) Attach(ID) (*Run, error) { return nil, errLinux }

// Output fails.
func (Runner) Output(ID) (*os.File, error) { return nil, errLinux }

// Remove does nothing.
func (Runner) Remove(ID) error { return nil }

// Go fails.
func (*Run) Go() error { return errLinux }

// Abandon does nothing.
func (*Run) Abandon() {}

// Close does nothing.
func (*Run) Close() {}

// Wait fails.
func (*Run) Wait(context.Context) (Result, error) { return Result{}, errLinux }

// Cancel fails.
func (*Run) Cancel() error { return errLinux }
