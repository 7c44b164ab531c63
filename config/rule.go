package config

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Limits of names. A node name's is Serf's; a label's and a domain's are DNS's
// (RFC 1035 2.3.4), less the room that "<service>.service.<dc>." needs.
const (
	maxNodeName = 128
	maxLabel    = 63
	maxDomain   = 160
	maxMetaKey  = 128 // Consul's limits for meta: 64 pairs, 128 and 512 bytes
	maxMetaText = 512
	maxMeta     = 64
	maxRack     = 128
)

// nodeName is lower case at the end: a PTR answer keeps its case, and HBase and
// Kerberos compare names with it.
func nodeName() form[string] {
	return form[string]{kind: "string", read: func(r *reader, v *value, into *string) {
		s, ok := r.text(v)
		if !ok {
			return
		}
		if what, hint := wrongNodeName(s); what != "" {
			r.fail(v.at, what, hint)
			return
		}
		*into = strings.ToLower(s)
		if *into != s {
			r.warn(v.at, fmt.Sprintf("%q has capital letters", s), fmt.Sprintf("using %q", *into))
		}
	}}
}

func wrongNodeName(s string) (what, hint string) {
	switch {
	case s == "":
		return "is empty", "leave it out to use the host name"
	case len(s) > maxNodeName:
		return fmt.Sprintf("is %d characters long, limit %d", len(s), maxNodeName), ""
	case strings.Contains(s, "_"):
		return fmt.Sprintf("%q has a _, and Java finds no host in a URI with one", s),
			fmt.Sprintf("use %q", strings.ReplaceAll(s, "_", "-"))
	}
	for label := range strings.SplitSeq(s, ".") {
		if what := wrongLabel(label); what != "" {
			return fmt.Sprintf("%q is no node name: %s", shorten(s), what), "use letters, digits, - and ."
		}
	}
	return "", ""
}

var labelPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$`)

// wrongLabel is what is wrong with one label of a name, or "".
func wrongLabel(label string) string {
	switch {
	case label == "":
		return "a part is empty"
	case len(label) > maxLabel:
		return fmt.Sprintf("a part is %d characters long, limit %d", len(label), maxLabel)
	case !labelPattern.MatchString(label):
		return fmt.Sprintf("wrong part %q", shorten(label))
	}
	return ""
}

func notEmpty(s string) (kept, what, hint string) {
	if s == "" {
		return "", "is empty", ""
	}
	return s, "", ""
}

func datacenter(s string) (kept, what, hint string) {
	kept = strings.ToLower(s)
	if wrong := wrongLabel(kept); wrong != "" {
		return "", fmt.Sprintf("%q is no data centre name: %s", shorten(s), wrong), "use letters, digits, - and _, up to 63"
	}
	return kept, "", ""
}

func rack(s string) (kept, what, hint string) {
	if len(s) > maxRack || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return "", fmt.Sprintf("%q is no rack name", shorten(s)),
			fmt.Sprintf("use up to %d characters without spaces, such as \"r12\" or \"/dc1/r12\"", maxRack)
	}
	return s, "", ""
}

func domain(s string) (kept, what, hint string) {
	hint = `write a domain such as "yodel." or "hadoop.example.com."`
	name := strings.TrimSuffix(strings.ToLower(s), ".")
	if len(name) > maxDomain {
		return "", fmt.Sprintf("is %d characters long, limit %d", len(name), maxDomain), hint
	}
	for label := range strings.SplitSeq(name, ".") {
		if wrong := wrongLabel(label); wrong != "" {
			return "", fmt.Sprintf("%q is no domain: %s", shorten(s), wrong), hint
		}
	}
	return name + ".", "", ""
}

func oneOf(choices ...string) func(string) (kept, what, hint string) {
	return func(s string) (kept, what, hint string) {
		for _, choice := range choices {
			if strings.EqualFold(choice, s) {
				return choice, "", ""
			}
		}
		return "", fmt.Sprintf("%q is none of them", shorten(s)), "use " + strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
	}
}

// joinAddress is a host to join: a name or an address, with or without a port.
func joinAddress(s string) (kept, what, hint string) {
	hint = `write "host", "host:port", "192.0.2.1" or "[2001:db8::1]:8301"`
	if strings.HasPrefix(s, "provider=") {
		return "", "cloud auto-join is not supported", "name some hosts, or a DNS name with several addresses"
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return s, "", ""
	}
	host := s
	if strings.Contains(s, ":") {
		h, port, err := net.SplitHostPort(s)
		if err != nil {
			return "", fmt.Sprintf("%q is no address", shorten(s)), hint
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Sprintf("%q: no port %q", shorten(s), shorten(port)), hint
		}
		host = h
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return s, "", ""
	}
	if _, what, _ = domain(host); what != "" {
		return "", fmt.Sprintf("%q is no host name or address", shorten(s)), hint
	}
	return s, "", ""
}

// gossipKey is base64, as `yodel init` and `consul keygen` make it.
func gossipKey() form[[]byte] {
	return form[[]byte]{kind: "string", read: func(r *reader, v *value, into *[]byte) {
		s, ok := r.text(v)
		if !ok {
			return
		}
		const hint = "make one with: yodel init, or: openssl rand -base64 32"
		key, err := base64.StdEncoding.DecodeString(s)
		switch {
		case err != nil: // not the text: it may be most of a key
			r.fail(v.at, "the key is not base64", hint)
		case len(key) != 16 && len(key) != 24 && len(key) != 32:
			r.fail(v.at, fmt.Sprintf("the key is %d bytes long, want 32, 24 or 16", len(key)), hint)
		default:
			*into = key
		}
	}}
}

var metaKeyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// labels are free keys with free text.
func labels() form[map[string]string] {
	return mapOf("strings", form[string]{kind: "string", read: func(r *reader, v *value, into *string) {
		name := r.path[len(r.path)-1]
		switch {
		case len(name) > maxMetaKey:
			r.fail(v.at, fmt.Sprintf("the key is longer than %d characters", maxMetaKey), "")
		case !metaKeyPattern.MatchString(name):
			r.fail(v.at, "is no key", "use letters, digits, - and _")
		case v.kind == kindText && len(v.text) > maxMetaText:
			r.fail(v.at, fmt.Sprintf("is %d bytes long, limit %d", len(v.text), maxMetaText), "")
		default:
			text().read(r, v, into)
		}
	}})
}

// tokenFile is the name of a file with the token.
func tokenFile() form[string] {
	return form[string]{kind: "string", read: func(r *reader, v *value, into *string) {
		name, ok := r.text(v)
		if !ok {
			return
		}
		const most = 4096 // more than any token; a wrong file is noticed
		body, err := readRegular(name, most)
		if err != nil {
			r.fail(v.at, err.Error(), "")
			return
		}
		token := strings.TrimSpace(string(body))
		if token == "" || strings.ContainsAny(token, "\n\r") {
			r.fail(v.at, fmt.Sprintf("%s does not hold a token on one line", name), "")
			return
		}
		*into = token
	}}
}

// readRegular reads a regular file of at most that many bytes: a pipe or a
// device could block for ever.
func readRegular(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("read %s: more than %d bytes", name, most)
	}
	return body, nil
}
