package facts

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yodel-mesh/yodel/catalog"
)

// textMax is the longest string in a fact, in bytes. Models, serials and host
// names are below 100; firmware that returns more returns rubbish.
const textMax = 256

// fileMax is the most that is read of a file. The largest of them in good
// order is /proc/cpuinfo of a big machine or a distributed /etc/hosts, with
// about a megabyte.
const fileMax = 4 << 20

// text is s fit to be said: valid UTF-8, printable, no blanks around it, at
// most textMax bytes.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) <= textMax {
		return s
	}
	cut := textMax
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.TrimSpace(s[:cut])
}

// place is a path or device name fit to be said. Unlike text it keeps blanks,
// which are part of the name.
func place(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= textMax {
		return s
	}
	cut := textMax
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// tidy makes every string of f fit to be said.
func tidy(f *catalog.Facts) {
	o := &f.OS
	for _, s := range []*string{&o.HostName, &o.FQDN, &o.Name, &o.Version, &o.Kernel, &o.Arch,
		&o.Virtual, &o.Vendor, &o.Product, &o.Serial, &f.CPU.Model, &f.Boot.Version} {
		*s = text(*s)
	}
	for i := range f.Disks {
		d := &f.Disks[i]
		d.Name, d.Model, d.Serial = text(d.Name), text(d.Model), text(d.Serial)
	}
	for i := range f.Mounts {
		m := &f.Mounts[i]
		m.Path, m.Device = place(m.Path), place(m.Device)
		m.Type, m.Serial = text(m.Type), text(m.Serial)
	}
	for i := range f.Interfaces {
		f.Interfaces[i].Name = text(f.Interfaces[i].Name)
	}
}

// read is the content of a file, which must not be longer than fileMax.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err != nil {
		return "", err
	}
	if len(b) > fileMax {
		return "", fmt.Errorf("read %s: longer than %d bytes", path, fileMax)
	}
	return string(b), nil
}

// word is the content of a file that holds one value; empty if it cannot be read.
func word(path string) string {
	s, err := read(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(s)
}
