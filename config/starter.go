package config

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Starter is what a first configuration is made from. All but Dir may be empty.
type Starter struct {
	Dir        string   // where the files go, such as /etc/yodel
	DataDir    string   // default /var/lib/yodel
	Binary     string   // default /usr/bin/yodel
	Datacenter string   // default dc1
	Join       []string // hosts that are there already
	Encrypt    string   // the mesh's gossip key in base64; empty: a fresh one
	SSHDir     string   // whose id_*.pub may order jobs; empty: nobody may
	Principal  string   // the name of their owner in allowed_signers; default: the keys' comment
}

// StarterFile is one file of a first configuration.
type StarterFile struct {
	Path string
	Mode fs.FileMode
	Body []byte
}

// Files are what `yodel init` writes: yodel.hcl with the gossip key,
// allowed_signers if there is an SSH key, and a systemd drop-in to copy.
func (s Starter) Files() ([]StarterFile, error) {
	if s.Dir == "" {
		return nil, errors.New("make a starter configuration: no directory named")
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("make a starter configuration: %w", err)
	}
	s.Dir = dir
	s.DataDir = or(s.DataDir, "/var/lib/yodel")
	s.Binary = or(s.Binary, "/usr/bin/yodel")
	s.Datacenter = or(s.Datacenter, "dc1")
	if s.Encrypt == "" {
		var key [32]byte
		rand.Read(key[:]) // never fails: crypto/rand
		s.Encrypt = base64.StdEncoding.EncodeToString(key[:])
	}
	signers := allowedSigners(s.SSHDir, s.Principal)
	files := []StarterFile{
		{filepath.Join(s.Dir, "yodel.hcl"), 0o600, []byte(s.config(len(signers) > 0))},
		{filepath.Join(s.Dir, "yodel.service.conf"), 0o644, []byte(s.dropIn())},
	}
	if len(signers) > 0 {
		files = append(files, StarterFile{filepath.Join(s.Dir, "allowed_signers"), 0o644, signers})
	}
	if _, _, problems := build(Source{}, []file{{name: files[0].Path, body: files[0].Body}}, false); len(problems) > 0 {
		return nil, fmt.Errorf("make a starter configuration: %w", problems)
	}
	return files, nil
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

func (s Starter) config(signers bool) string {
	quoted := make([]string, len(s.Join))
	for i, host := range s.Join {
		quoted[i] = fmt.Sprintf("%q", host)
	}
	off := ""
	if !signers {
		off = "# "
	}
	return fmt.Sprintf(`# yodel's configuration. The keys are Consul's where they mean the same.
# Check it with: yodel validate %[1]s
# Every host of the mesh can have this same file.

datacenter = %[2]q
data_dir   = %[3]q

# The gossip key: the same on every host, and secret.
encrypt = %[4]q

# Some hosts that are always there, by name or address, with or without a port.
retry_join = [%[5]s]

# What others are told, on hosts with several addresses.
# advertise_addr = "{{ GetPrivateIP }}"

# The roles of this host, for filters and jobs: yodel nodes -t role=datanode
# tags {
#   role = "datanode"
# }
# rack = "/dc1/r12"

# The zones that the hosts' own names are in today.
# host_domains = ["hadoop.example.com."]
# recursors    = ["192.0.2.53"]

# Run the checks in files that are programs.
# enable_local_script_checks = true

# Who may order jobs, in OpenSSH's format. Without it no job runs here.
%[6]sallowed_signers_file = %[7]q
`, s.Dir, s.Datacenter, s.DataDir, s.Encrypt, strings.Join(quoted, ", "), off, filepath.Join(s.Dir, "allowed_signers"))
}

func (s Starter) dropIn() string {
	return fmt.Sprintf(`# Copy to /etc/systemd/system/yodel.service.d/config.conf, then:
#   systemctl daemon-reload && systemctl restart yodel
[Service]
ExecStart=
ExecStart=%s agent --config-dir %s
ReadWritePaths=%s
`, s.Binary, s.Dir, s.DataDir)
}

// allowedSigners are lines for a person's SSH keys, good for jobs only.
func allowedSigners(dir, principal string) []byte {
	if dir == "" {
		return nil
	}
	names, _ := filepath.Glob(filepath.Join(dir, "id_*.pub")) // sorted
	var lines bytes.Buffer
	for _, name := range names {
		body, err := readRegular(name, 64<<10) // the largest RSA key has 3 KiB
		if err != nil {
			continue
		}
		fields := strings.Fields(string(body))
		if !publicKey(fields) {
			continue
		}
		who := principal
		if who == "" && len(fields) > 2 {
			who = fields[2]
		}
		if strings.ContainsAny(who, "\", \t") || who == "" {
			who = "operator"
		}
		fmt.Fprintf(&lines, "%s namespaces=\"yodel-job\" %s %s\n", who, fields[0], fields[1])
	}
	return lines.Bytes()
}

// publicKey is whether this is "type base64 [comment...]" and the type is that
// inside (RFC 4253 6.6).
func publicKey(fields []string) bool {
	if len(fields) < 2 {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(blob) < 4 {
		return false
	}
	length := binary.BigEndian.Uint32(blob)
	return uint64(length) <= uint64(len(blob)-4) && string(blob[4:4+length]) == fields[0]
}

// WriteStarter writes the files, and their directories. It overwrites nothing:
// if one is there, none is written.
func WriteStarter(files []StarterFile) error {
	for _, f := range files {
		if _, err := os.Lstat(f.Path); err == nil {
			return fmt.Errorf("write %s: it is there already; move it away, or choose another directory", f.Path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		if err := writeNew(f); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

func writeNew(f StarterFile) error {
	file, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Body)
	return errors.Join(err, file.Close())
}
