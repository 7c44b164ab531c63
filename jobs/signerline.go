package jobs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// parseSignerLine reads
//
//	PRINCIPALS [OPTIONS] KEYTYPE BASE64 [COMMENT]
//
// as sshsig.c of OpenSSH does: principals may be in quotes, options have no
// blanks outside of quotes.
func parseSignerLine(text string, local *time.Location) (signerLine, error) {
	var l signerLine
	var rest string
	var err error
	if l.principals, rest, err = firstWord(text); err != nil {
		return l, err
	}
	if l.principals == "" {
		return l, errors.New("no principals")
	}
	word, after := cutBlank(rest)
	if !isKeyType(word) {
		options := optionsEnd(rest)
		if err := l.options(rest[:options], local); err != nil {
			return l, err
		}
		word, after = cutBlank(strings.TrimLeft(rest[options:], " \t"))
	}
	l.key, err = parsePublicKey(word, after)
	return l, err
}

// isKeyType says that a key begins here; anything else is an option.
func isKeyType(word string) bool {
	switch word {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA, "ssh-dss":
		return true
	}
	return false
}

func parsePublicKey(keyType, rest string) (ssh.PublicKey, error) {
	if keyType == "" {
		return nil, errors.New("no key")
	}
	if !isKeyType(keyType) {
		return nil, fmt.Errorf("key type %.40q; must be ed25519, ECDSA, RSA or a security key", keyType)
	}
	text, _ := cutBlank(rest)
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(blob) == 0 {
		return nil, fmt.Errorf("the %s key is not base64", keyType)
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("the %s key is damaged: %w", keyType, err)
	}
	if key.Type() != keyType {
		return nil, fmt.Errorf("a key of type %.40q where %s was said", key.Type(), keyType)
	}
	return key, goodKey(key)
}

// firstWord is a word, or what is in quotes, and what follows.
func firstWord(text string) (word, rest string, err error) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		word, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("a quote that does not end")
		}
		return word, strings.TrimLeft(rest, " \t"), nil
	}
	word, rest = cutBlank(text)
	return word, rest, nil
}

func cutBlank(text string) (word, rest string) {
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], strings.TrimLeft(text[i:], " \t")
	}
	return text, ""
}

// optionsEnd is where the first blank outside of quotes is.
func optionsEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return i
		}
	}
	return len(text)
}

// options reads cert-authority, namespaces="", valid-after="", valid-before="",
// each at most once, in any case.
func (l *signerLine) options(text string, local *time.Location) error {
	seen := make(map[string]bool)
	for text != "" {
		name, rest := text, ""
		if i := strings.IndexAny(text, `=,`); i >= 0 {
			name, rest = text[:i], text[i:]
		}
		name = strings.ToLower(name)
		if seen[name] && name != "cert-authority" {
			return fmt.Errorf("option %s for the second time", name)
		}
		seen[name] = true
		var value string
		var err error
		if name != "cert-authority" {
			if !strings.HasPrefix(rest, `="`) {
				return fmt.Errorf("%.40q is neither a type of key nor an option with a value in quotes", name)
			}
			if value, rest, err = quotedValue(rest[1:]); err != nil {
				return fmt.Errorf("option %s: %w", name, err)
			}
		}
		if err := l.option(name, value, local); err != nil {
			return err
		}
		if rest == "" {
			break
		}
		if rest[0] != ',' || rest == "," {
			return fmt.Errorf("after option %s: %.40q", name, rest)
		}
		text = rest[1:]
	}
	if !l.from.IsZero() && !l.to.IsZero() && !l.from.Before(l.to) {
		return errors.New("valid-after is not earlier than valid-before")
	}
	return nil
}

func (l *signerLine) option(name, value string, local *time.Location) (err error) {
	switch name {
	case "cert-authority":
		l.authority = true
	case "namespaces":
		if value == "" {
			return errors.New("option namespaces is empty")
		}
		l.namespaces = value
	case "valid-after":
		l.from, err = parseSignerTime(value, local)
	case "valid-before":
		l.to, err = parseSignerTime(value, local)
	default:
		return fmt.Errorf("unknown option %.40q; there are cert-authority, namespaces, valid-after, valid-before", name)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

// quotedValue reads a value in quotes, in which \" is a quote.
func quotedValue(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
			b.WriteByte('"')
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errors.New("a quote that does not end")
}

// parseSignerTime reads YYYYMMDD or YYYYMMDDHHMM[SS]; with Z or UTC it is in UTC.
func parseSignerTime(text string, local *time.Location) (time.Time, error) {
	digits, utc := strings.CutSuffix(strings.ToUpper(text), "Z")
	if !utc {
		digits, utc = strings.CutSuffix(digits, "UTC")
	}
	if utc {
		local = time.UTC
	}
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	t, err := time.ParseInLocation(layout, digits, local)
	if layout == "" || err != nil {
		return time.Time{}, fmt.Errorf("time %.40q, must be YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC", text)
	}
	return t, nil
}
