package jobs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func audit(t *testing.T, lines int) (*Audit, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	a, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		appendLine(t, a, i)
	}
	return a, path
}

func appendLine(t *testing.T, a *Audit, i int) {
	t.Helper()
	l := Line{Time: noon, Job: NewID(noon), What: fmt.Sprintf("echo %d <&> \u2028 \"\n", i), Who: "ann@example.com", Decision: "ended", Outcome: Failed, Code: i}
	if err := a.Append(l); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every single byte of an audit counts, and every line and its place.
func TestAuditShowsEveryEdit(t *testing.T) {
	a, path := audit(t, 5)
	good := contentOf(t, path)
	first, head := firstHead(), a.Head()
	if got, n, err := VerifyAudit(bytes.NewReader(good), &first, &head); err != nil || n != 5 || got != head {
		t.Fatal(got, n, err)
	}
	if _, n, err := VerifyAuditFile(path); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	bad := func(b []byte) bool {
		_, _, err := VerifyAudit(bytes.NewReader(b), &first, &head)
		return err != nil
	}
	for i := range good {
		edit := slices.Clone(good)
		if edit[i] ^= 1; !bad(edit) {
			t.Fatalf("byte %d changed, %q", i, good[max(0, i-20):i+1])
		}
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(good, []byte("\n")), []byte("\n"))
	lines[4] = append(lines[4], '\n')
	for i := range lines {
		if !bad(bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)) {
			t.Errorf("line %d taken out", i+1)
		}
		if !bad(bytes.Join(slices.Insert(slices.Clone(lines), i, lines[i]), nil)) {
			t.Errorf("line %d twice", i+1)
		}
		if !bad(bytes.Join(lines[:i], nil)) {
			t.Errorf("cut before line %d", i+1)
		}
		for j := range i {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			if !bad(bytes.Join(swapped, nil)) {
				t.Errorf("lines %d and %d swapped", i+1, j+1)
			}
		}
	}
	if !bad(append(slices.Clone(good), "junk\n"...)) || !bad([]byte(strings.Repeat("x", 1<<20))) {
		t.Error("junk")
	}
}

func TestAuditRotates(t *testing.T) {
	a, path := audit(t, 3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendLine(t, a, 3)
	again, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	appendLine(t, again, 4)
	if err := os.Rename(path, path+".0"); err != nil {
		t.Fatal(err)
	}
	if again, err = OpenAudit(path); err != nil { // when it has just been rotated
		t.Fatal(err)
	}
	appendLine(t, again, 5)
	all := slices.Concat(contentOf(t, path+".1"), contentOf(t, path+".0"), contentOf(t, path))
	first, head := firstHead(), again.Head()
	if _, n, err := VerifyAudit(bytes.NewReader(all), &first, &head); err != nil || n != 6 {
		t.Error(n, err)
	}
	if _, n, err := VerifyAuditFile(path); err != nil || n != 1 {
		t.Error(n, err)
	}
}

// However much of a line, or of what comes after it, a crash leaves: the next
// start goes on, and the audit verifies.
func TestAuditAfterACrash(t *testing.T) {
	a, path := audit(t, 2)
	head := contentOf(t, headPath(path))
	before := contentOf(t, path)
	appendLine(t, a, 2)
	after := contentOf(t, path)
	for n := len(before); n <= len(after); n++ {
		if err := os.WriteFile(path, after[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(headPath(path), head, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := OpenAudit(path)
		if err != nil {
			t.Fatal(err)
		}
		appendLine(t, again, 3)
		want := 3
		if n == len(after) {
			want = 4
		}
		if _, lines, err := VerifyAuditFile(path); err != nil || lines != want {
			t.Fatalf("%d bytes of the line: %d lines, %v", n-len(before), lines, err)
		}
	}
	// Cut off when nobody looked: it shows, also after it has gone on.
	if err := os.WriteFile(path, before[:len(before)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	appendLine(t, again, 4)
	if _, _, err := VerifyAuditFile(path); err == nil {
		t.Error("lines are missing, and nobody sees it")
	}
}

func TestAuditByMany(t *testing.T) {
	a, path := audit(t, 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10 {
				appendLine(t, a, i)
			}
		})
	}
	wg.Wait()
	if _, n, err := VerifyAuditFile(path); err != nil || n != 80 {
		t.Error(n, err)
	}
}

// Text that is no UTF-8, or is cut inside a letter, is read back.
func TestAuditOfAnyText(t *testing.T) {
	a, path := audit(t, 0)
	for i := range 4 {
		text := strings.Repeat("x", i) + strings.Repeat("\u00fc", auditWhatMax) + "\xff"
		if err := a.Append(Line{Time: noon, What: text, Who: "\xff", Why: text, User: text}); err != nil {
			t.Fatal(err)
		}
	}
	if _, n, err := VerifyAuditFile(path); err != nil || n != 4 {
		t.Error(n, err)
	}
	r := end(Lost, strings.Repeat("\u00fc", whyMax)+"\xff")
	b, err := encode(resultForm, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode[Result](resultForm, resultSize, b); err != nil {
		t.Error(err)
	}
}

func TestAuditCannotWrite(t *testing.T) {
	a, path := audit(t, 1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.Append(Line{Time: noon}); err == nil {
		t.Error("written into a directory")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	appendLine(t, a, 1)
	if _, n, err := VerifyAuditFile(path); err != nil || n != 1 {
		t.Error(n, err)
	}
}

func FuzzVerifyAudit(f *testing.F) {
	f.Add([]byte(`{"n":1,"time":"2026-03-01T12:00:00Z","job":"","what":"","who":"","decision":"","before":"","hash":""}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, n, err := VerifyAudit(bytes.NewReader(b), nil, nil)
		if err == nil && n > 0 && head.Hash == "" {
			t.Error("a line without a hash")
		}
	})
}
