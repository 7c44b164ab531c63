package world

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// Virtual runs f in virtual time, outside a test. What f starts must have
// ended when it returns.
//
// synctest is made for tests and asks for one; an empty one serves as long as
// f does not fail, skip or log through it. TestVirtual holds that.
func Virtual(f func()) (err error) {
	failed := func() {
		if p := recover(); p != nil && err == nil {
			err = fmt.Errorf("run in virtual time: %v", p)
		}
	}
	defer failed() // goroutines of f that wait for ever
	synctest.Test(new(testing.T), func(*testing.T) {
		defer failed() // a panic that reached the empty test would end the process
		f()
	})
	return err
}
