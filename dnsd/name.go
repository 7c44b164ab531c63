package dnsd

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// RFC 1035 section 2.3.4.
const (
	labelMax = 63
	nameMax  = 255 // octets on the wire, length octets and root included
)

// A key is a name as the view knows it: its wire form in lower case.
//
//	3 w e b 7 s e r v i c e 5 y o d e l 0
//
// makeKey joins parts, each of which may hold several labels or none. ok is
// false for a name that DNS cannot carry (an empty or long label, or too long).
func makeKey(parts ...string) (key string, ok bool) {
	b := make([]byte, 0, 64)
	for _, part := range parts {
		part = strings.TrimSuffix(part, ".")
		if part == "" {
			continue
		}
		for label := range strings.SplitSeq(part, ".") {
			if label == "" || len(label) > labelMax {
				return "", false
			}
			b = append(b, byte(len(label)))
			for i := range len(label) {
				b = append(b, lower(label[i]))
			}
		}
	}
	b = append(b, 0)
	return string(b), len(b) <= nameMax
}

// keyOf is the key of a name in presentation form, escapes included.
func keyOf(name string) (key string, ok bool) {
	var buf [nameMax]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), buf[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	for i := range n {
		buf[i] = lower(buf[i]) // length octets are at most 63, below 'A'
	}
	return string(buf[:n]), true
}

// text is the presentation form of a key, escaped where it must be.
func text(key string) string {
	name, _, err := dns.UnpackDomainName([]byte(key), 0)
	if err != nil {
		panic("a key is always a valid name: " + err.Error())
	}
	return name
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// parent drops the first label. The root has no parent.
func parent(key string) string { return key[1+int(key[0]):] }

// inside tells whether key is zone or below it.
func inside(key, zone string) bool {
	for len(key) > len(zone) {
		key = parent(key)
	}
	return key == zone
}

// reverseKey is the in-addr.arpa or ip6.arpa name of an address.
func reverseKey(a netip.Addr) string {
	name, err := dns.ReverseAddr(a.String())
	if err != nil {
		panic("reverse name of " + a.String() + ": " + err.Error())
	}
	key, _ := keyOf(name)
	return key
}

// hexAddr is the first label of an address's addr name, as 0a000001.
func hexAddr(a netip.Addr) string { return hex.EncodeToString(a.AsSlice()) }

// parseHexAddr reads 8 hex digits as IPv4 and 32 as IPv6.
func parseHexAddr(label string) (netip.Addr, bool) {
	if len(label) != 8 && len(label) != 32 {
		return netip.Addr{}, false
	}
	b, err := hex.DecodeString(label)
	if err != nil {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(b)
}
