package facts

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Clock limits. Kerberos refuses a ticket from a clock five minutes off; who
// is a second off is on the way there.
const clockWarn = time.Second

// fitClock asks the kernel what its time daemon told it, adjtimex(2).
func fitClock() Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return judgeClock(state, t, err)
}

func judgeClock(state int, t unix.Timex, err error) Finding {
	const check, hint = "clock", "run chrony or another time daemon: Kerberos and HBase refuse hosts whose clock is off"
	if err != nil {
		return Finding{check, Warn, "read the clock's state: " + err.Error(), hint}
	}
	unit := time.Microsecond
	if t.Status&unix.STA_NANO != 0 {
		unit = time.Nanosecond
	}
	offset := time.Duration(t.Offset) * unit
	reach := time.Duration(t.Maxerror) * time.Microsecond
	switch {
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return Finding{check, Warn, "not synchronised", hint}
	case offset.Abs() > clockWarn || reach > clockWarn:
		return Finding{check, Warn, fmt.Sprintf("off by %v, at most %v", offset, reach), hint}
	}
	return Finding{check, OK, fmt.Sprintf("synchronised, off by %v, at most %v", offset, reach), ""}
}

// filesMin is what the agent needs of open files: a store of some hundred
// tables, connections of checks and of clients.
const filesMin = 8192

// fitFiles looks at the limit of this process, which the agent shares if it is
// started the same way; under systemd the unit sets it.
func fitFiles() Finding {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return judgeFiles(l.Max, err)
}

func judgeFiles(limit uint64, err error) Finding {
	const check, hint = "open files", "start the agent by its systemd unit, or raise the limit: ulimit -n 65536"
	if err != nil {
		return Finding{check, Warn, "read the limit: " + err.Error(), hint}
	}
	said := strconv.FormatUint(limit, 10)
	if limit == unix.RLIM_INFINITY {
		said = "unlimited"
	}
	if limit < filesMin {
		return Finding{check, Warn, fmt.Sprintf("limit %s, %d are needed", said, filesMin), hint}
	}
	return Finding{check, OK, "limit " + said, ""}
}

// Free space in the data directory. Below spaceFail there is no room for one
// more table of the store; below spaceWarn a day of history fills it.
const (
	spaceFail = 128 << 20
	spaceWarn = 1 << 30
)

// fitDir looks whether a data directory can be written and has room.
func fitDir(dir string) Finding {
	const check = "data directory"
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{check, Warn, dir + " does not exist yet", "install -d -o yodel -g yodel -m 0750 " + dir + " (the package and the unit do)"}
	}
	if err != nil {
		return Finding{check, Fail, err.Error(), "let the user of the agent read it"}
	}
	if !info.IsDir() {
		return Finding{check, Fail, dir + " is not a directory", "move it away, or set data_dir"}
	}
	if err := tryWrite(dir); err != nil {
		return Finding{check, Fail, err.Error(), "chown it to the user of the agent (yodel), or mount it writable; doctor must run as that user or root"}
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Finding{check, Fail, "statfs " + dir + ": " + err.Error(), "look at dmesg for errors of the disk"}
	}
	return judgeSpace(dir, s.Bavail*uint64(s.Frsize), s.Files, s.Ffree, uint32(s.Type))
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Sync(), f.Close())
}

func judgeSpace(dir string, free, inodes, inodesFree uint64, magic uint32) Finding {
	const check = "data directory"
	said := fmt.Sprintf("%s has %d MiB free", dir, free>>20)
	switch {
	case free < spaceFail:
		return Finding{check, Fail, said + ": the agent goes on without history and jobs", "free some, or set data_dir to another file system"}
	case inodes > 0 && inodesFree < 1000:
		return Finding{check, Fail, fmt.Sprintf("%s has %d inodes free", dir, inodesFree), "delete small files there, or set data_dir to another file system"}
	case magic == unix.NFS_SUPER_MAGIC || magic == unix.SMB2_SUPER_MAGIC || magic == unix.CIFS_SUPER_MAGIC:
		return Finding{check, Fail, dir + " is on a network file system", "set data_dir to a local one: the store maps its files into memory"}
	case magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC:
		return Finding{check, Warn, dir + " is in memory: after a boot this host is a stranger", "set data_dir to a disk"}
	case free < spaceWarn:
		return Finding{check, Warn, said, "free some"}
	}
	return Finding{check, OK, said, ""}
}

// fitPort looks whether the agent can have a port, or has it.
func fitPort(root string, p Port) Finding {
	var err error
	if p.Network == "udp" {
		var c net.PacketConn
		if c, err = net.ListenPacket("udp", p.Addr.String()); err == nil {
			c.Close()
		}
	} else {
		var l net.Listener
		if l, err = net.Listen("tcp", p.Addr.String()); err == nil {
			l.Close()
		}
	}
	holder := ""
	if errors.Is(err, syscall.EADDRINUSE) {
		holder = portHolder(root, p)
	}
	return judgePort(p, err, holder)
}

func judgePort(p Port, err error, holder string) Finding {
	check := "port " + p.Name
	where := p.Network + " " + p.Addr.String()
	switch {
	case err == nil:
		return Finding{check, OK, where + " is free", ""}
	case errors.Is(err, syscall.EADDRINUSE) && (holder == "yodel" || strings.HasPrefix(holder, "yodel ")):
		return Finding{check, OK, where + " is held by " + holder, ""}
	case errors.Is(err, syscall.EADDRINUSE) && holder == "":
		return Finding{check, Warn, where + " is held, by a process that only root may see", "run doctor as root, or ss -lnp"}
	case errors.Is(err, syscall.EADDRINUSE):
		return Finding{check, Fail, where + " is held by " + holder, "stop it, or set ports." + strings.Fields(p.Name + " ")[0] + " to another"}
	case errors.Is(err, syscall.EACCES):
		return Finding{check, Warn, where + " needs CAP_NET_BIND_SERVICE, which this process lacks", "the systemd unit gives it to the agent; run doctor as root to look further"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return Finding{check, Fail, p.Addr.Addr().String() + " is no address of this host", "correct bind_addr, client_addr or addresses"}
	}
	return Finding{check, Fail, err.Error(), "see the message"}
}

// portHolder names the program that has a port, with its process id; empty if
// it cannot be seen.
func portHolder(root string, p Port) string {
	sockets := map[string]bool{}
	for _, table := range []string{p.Network, p.Network + "6"} {
		s, _ := read(filepath.Join(root, "proc/net", table))
		for _, inode := range socketInodes(s, p) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	fds, _ := filepath.Glob(filepath.Join(root, "proc/[0-9]*/fd/*"))
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && sockets[to] {
			dir := filepath.Dir(filepath.Dir(fd))
			return strings.TrimSpace(word(dir+"/comm") + " (pid " + filepath.Base(dir) + ")")
		}
	}
	return ""
}

// socketInodes reads /proc/net/tcp, udp and their like for the sockets that
// listen on a port.
//
//	sl local_address rem_address st ... uid timeout inode
//	0: 0100007F:0035 00000000:0000 0A   ...
func socketInodes(s string, p Port) []string {
	state := "0A" // LISTEN
	if p.Network == "udp" {
		state = "07" // bound, not connected
	}
	port := fmt.Sprintf(":%04X", p.Addr.Port())
	var found []string
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) >= 10 && strings.HasSuffix(f[1], port) && f[3] == state {
			found = append(found, f[9])
		}
	}
	return found
}
