package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// copyLabel copies the SELinux label, without which others may not read
// /etc/hosts. Where there is none, nothing is to be done.
func copyLabel(f *os.File, path string) {
	const name = "security.selinux"
	label := make([]byte, 1024) // a label has 40 bytes
	if n, err := unix.Getxattr(path, name, label); err == nil {
		_ = unix.Fsetxattr(int(f.Fd()), name, label[:n], 0) // the file system has no labels
	}
}
