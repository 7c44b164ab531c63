package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// hostsMax bounds the file that is rewritten: 10,000 hosts are 600 KB.
const hostsMax = 16 << 20

// writeHosts keeps the block of a file up to date.
func (s *shell) writeHosts(file string, lines []hostLine) error {
	target, err := filepath.EvalSymlinks(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target = file
	case err != nil:
		return err
	}
	old, err := s.readFile(target, hostsMax)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := fenced(file, string(old), lines)
	if err != nil {
		return err
	}
	for _, one := range strangers(string(old), lines) {
		s.warn("%s: %s: remove that line, or leave it if it is meant", file, printable(one))
	}
	if text == string(old) {
		s.say("%s is up to date with %s", file, plural(len(lines), "host"))
		return nil
	}
	if err := replaceFile(target, []byte(text)); err != nil {
		return err
	}
	s.say("wrote %s to %s", plural(len(lines), "host"), file)
	return nil
}

// replaceFile gives a file new content, at once and durably, and keeps its
// mode, owner and security label. A reader sees the old content or the new.
func replaceFile(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".yodel-")
	if err != nil {
		return fmt.Errorf("replace %s: %w; run it as root", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("replace %s: %w", path, errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	if err := likeness(f, path); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("%w: it is a mount of its own, as in containers; write another file there", err)
		}
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	return syncDir(dir)
}

// likeness gives f the mode, the owner and the label of the file at path, or
// 0644 when there is none.
func likeness(f *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.Chmod(0o644)
	}
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	copyLabel(f, path)
	return f.Chmod(info.Mode().Perm()) // after Chown, which may take bits away
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
