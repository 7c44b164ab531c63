package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// directory is a disk of files, each synced before its name is there.
type directory struct {
	path string
	step func() // called before and after each write
}

func (d directory) Put(key string, value []byte) error {
	d.step()
	path := filepath.Join(d.path, strings.ReplaceAll(key, "/", "_"))
	os.Remove(path + ".new")
	if err := writeSynced(path+".new", value); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d.step()
	return nil
}

func (d directory) Delete(key string) error {
	return os.Remove(filepath.Join(d.path, strings.ReplaceAll(key, "/", "_")))
}

func (d directory) Each(f func(string, []byte) error) error {
	files, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".new") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(d.path, file.Name()))
		if err != nil {
			return err
		}
		if err := f(strings.ReplaceAll(file.Name(), "_", "/"), b); err != nil {
			return err
		}
	}
	return nil
}

// standIn is an agent in a process of its own: it takes every order in
// DIR/orders again and again, and writes the outcomes to DIR/outcomes. It kills
// itself at the step of that number, and ends when every order has an outcome.
//
//	agent-stand-in DIR STEP
func standIn(args []string) int {
	dir := args[0]
	crash, _ := strconv.Atoi(args[1])
	steps := make(chan int, 1)
	steps <- 0
	step := func() {
		n := <-steps + 1
		if n == crash {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		steps <- n
	}
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	journal, err := OpenJournal(directory{filepath.Join(dir, "journal"), step})
	if err != nil {
		return fail(err)
	}
	audit, err := OpenAudit(filepath.Join(dir, "audit.log"))
	if err != nil {
		return fail(err)
	}
	signers, err := ReadSigners(filepath.Join(dir, "allowed_signers"))
	if err != nil {
		return fail(err)
	}
	h := NewHost(HostConfig{
		Self: func() Self { return self("h0001") }, Policy: func() Policy { return Policy{} }, Signers: func() *Signers { return signers },
		Journal: journal, Audit: audit,
		Runner: Runner{Dir: filepath.Join(dir, "spool"), Helper: []string{"yodel", "job-helper"}, Place: func(int, ID) error { step(); return nil }},
		Content: func(context.Context, Hash) (io.ReadCloser, error) {
			step()
			return os.Open(filepath.Join(dir, "script"))
		},
		Report: func(id ID, p Progress, r Result) {
			step()
			if p.Outcome != "" {
				b, _ := json.Marshal(r)
				os.WriteFile(filepath.Join(dir, "outcomes", fmt.Sprintf("%s.%d", id, time.Now().UnixNano())), b, 0o600)
			}
			step()
		},
	})
	defer h.Close()
	for {
		orders, _ := filepath.Glob(filepath.Join(dir, "orders", "*"))
		left := len(orders)
		for _, path := range orders {
			b, _ := os.ReadFile(path)
			if len(b) == 0 {
				continue // killed while it was telling
			}
			s, err := DecodeSigned(b)
			if err != nil {
				return fail(err)
			}
			h.Take(s)
			if id, err := ParseID(filepath.Base(path)); err == nil && journal.Find(id).State == Ended {
				left--
			}
		}
		if left == 0 {
			return 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// crashes is a stand-in with n orders.
type crashes struct {
	t   *testing.T
	dir string
	ids []ID
}

func newCrashes(t *testing.T, n int) *crashes {
	t.Helper()
	c := &crashes{t: t, dir: t.TempDir()}
	for _, name := range []string{"orders", "outcomes", "journal", "spool", "starts"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ann := newPerson(t, "ann@example.com")
	c.write("allowed_signers", []byte(ann.line))
	script := "#!/bin/sh\necho started >> " + c.dir + "/starts/$YODEL_JOB\nsleep 0.0$1\necho ended\n"
	c.write("script", []byte(script))
	for i := range n {
		o := here(t, strconv.Itoa(i*3))
		content := make(contents)
		o.Script = &Script{Name: "crash.sh"}
		o.Script.Hash, o.Script.Size = content.add(script)
		b, err := ann.sign(t, o).Encode()
		if err != nil {
			t.Fatal(err)
		}
		c.write(filepath.Join("orders", o.ID.String()), b)
		c.ids = append(c.ids, o.ID)
	}
	return c
}

func (c *crashes) write(name string, b []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), b, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// agent starts the stand-in.
func (c *crashes) agent(crash int) *exec.Cmd {
	c.t.Helper()
	cmd := exec.Command("/proc/self/exe", "agent-stand-in", c.dir, strconv.Itoa(crash))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	return cmd
}

// finish lets an agent bring all to its end, and looks at what came of it.
func (c *crashes) finish(what string) map[Outcome]int {
	c.t.Helper()
	if err := c.agent(0).Wait(); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	count := make(map[Outcome]int)
	for _, id := range c.ids {
		starts, _ := os.ReadFile(filepath.Join(c.dir, "starts", id.String()))
		n := strings.Count(string(starts), "started")
		if n > 1 {
			c.t.Errorf("%s: %s was started %d times", what, id, n)
		}
		journal, err := OpenJournal(directory{filepath.Join(c.dir, "journal"), func() {}})
		if err != nil {
			c.t.Fatal(err)
		}
		r := journal.Find(id)
		told, _ := filepath.Glob(filepath.Join(c.dir, "outcomes", id.String()+".*"))
		for _, path := range told {
			var said Result
			b, _ := os.ReadFile(path)
			if len(b) == 0 {
				continue // killed while it was telling
			}
			if err := json.Unmarshal(b, &said); err != nil || said.Outcome != r.Result.Outcome {
				c.t.Errorf("%s: told %s, and then it is %s (%v)", what, said.Outcome, r.Result.Outcome, err)
			}
		}
		if r.State != Ended || r.Result.Outcome == OK && n != 1 || r.Result.Outcome != OK && r.Result.Outcome != Lost {
			c.t.Errorf("%s: %s: %d starts, %+v", what, id, n, r)
		}
		count[r.Result.Outcome]++
	}
	if _, _, err := VerifyAuditFile(filepath.Join(c.dir, "audit.log")); err != nil {
		c.t.Errorf("%s: %v", what, err)
	}
	return count
}

// The agent is killed at every step between an order and its outcome, one
// after the other: nothing starts twice, and every order has one outcome.
func TestKilledAtEveryStep(t *testing.T) {
	total := make(map[Outcome]int)
	for crash := 1; ; crash++ {
		c := newCrashes(t, 1)
		err := c.agent(crash).Wait()
		for o, n := range c.finish(fmt.Sprintf("killed at step %d", crash)) {
			total[o] += n
		}
		if err == nil { // it came to its end before that step
			if crash < 10 {
				t.Errorf("only %d steps", crash-1)
			}
			break
		}
	}
	if total[OK] == 0 || total[Lost] == 0 {
		t.Errorf("%v: the test does not look where it should", total)
	}
	t.Logf("%v", total)
}

// The same with several orders at once, at random moments, again and again,
// and supervisors killed too.
func TestKilledAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(15, uint64(time.Now().UnixNano())))
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	total := make(map[Outcome]int)
	for range rounds {
		c := newCrashes(t, 6)
		for range 12 {
			agent := c.agent(0)
			time.Sleep(time.Duration(r.IntN(120)) * time.Millisecond)
			if r.IntN(3) == 0 {
				if found := sleepers("supervise " + c.ids[r.IntN(len(c.ids))].String()); len(found) > 0 {
					syscall.Kill(found[r.IntN(len(found))], syscall.SIGKILL)
				}
			}
			agent.Process.Kill()
			agent.Wait()
		}
		for o, n := range c.finish("killed at random") {
			total[o] += n
		}
	}
	t.Logf("%v", total)
}
