package config

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-sockaddr/template"
)

// What go-sockaddr's own templates give, ours give; and what they refuse, ours do.
func TestTemplatesAreGoSockaddrs(t *testing.T) {
	for _, s := range []string{
		`{{ GetPrivateIP }}`, `{{GetPrivateIPs}}`, `{{ GetPublicIP }}`, `{{ GetPublicIPs }}`,
		`{{ GetInterfaceIP "lo" }}`, `{{ GetInterfaceIPs "lo" }} 127.0.0.9`, `{{ GetInterfaceIP "nosuch0" }}`,
		"{{ GetInterfaceIP `lo` }}", `a{{- GetInterfaceIP "lo" -}} b`,
		`{{ GetAllInterfaces | include "type" "IPv4" | join "address" " " }}`,
		`{{ GetAllInterfaces | include "network" "127.0.0.0/8" | attr "address" }}`,
		`{{ GetAllInterfaces | exclude "flags" "loopback" | sort "default,-size,+address" | join "address" " " }}`,
		`{{ GetAllInterfaces | include "rfc" "5735" | sort "-address" | unique "address" | limit 1 | join "address" " " }}`,
		`{{ GetAllInterfaces | sort "address" | offset 1 | join "name" " " }}`, `{{ GetAllInterfaces | sort "address" | offset -1 | join "name" " " }}`,
		`{{ GetAllInterfaces | include "name" "^lo$" | include "type" "IPv4" | math "network" "+1" | attr "address" }}`,
		`{{ GetDefaultInterfaces | attr "address" }}`, `{{ GetPrivateInterfaces | attr "address" }}`, `{{ GetPublicInterfaces | join "address" " " }}`,
		`{{ . | include "name" "lo" | limit 100 | join "address" " " }}`, `{{ join "address" " " (include "name" "lo" GetAllInterfaces) }}`,
		`{{ attr "address" (GetAllInterfaces | include "name" "lo") }}`, `{{ "127.0.0.1" }}`, `{{/* none */}}127.0.0.1`,
		`{{ nosuch }}`, `{{ GetInterfaceIP }}`, `{{ GetInterfaceIP 3 }}`, `{{ GetPrivateIP | attr "address" }}`, `{{ GetAllInterfaces | join }}`,
		`{{ GetAllInterfaces | include "nosuch" "x" }}`, `{{ GetAllInterfaces | sort "nosuch" | attr "address" }}`, `{{ GetPrivateIP`, `{{ }}`,
		`{{ GetAllInterfaces | offset -9223372036854775808 | attr "name" }}`, `{{ GetAllInterfaces | offset 1000 | attr "name" }}`,
		`{{ GetAllInterfaces | limit -1 | attr "name" }}`, `{{ GetAllInterfaces | math "address" "x" | attr "address" }}`,
	} {
		want, wantErr := template.Parse(s)
		got, err := expand(s)
		if (err != nil) != (wantErr != nil || strings.TrimSpace(want) == "") || err == nil && got != want {
			t.Errorf("%s: got %q, %v; want %q, %v", s, got, err, want, wantErr)
		}
	}
}

// What goes beyond functions and pipes is refused, and what ends in no text.
func TestTemplatesAreNoPrograms(t *testing.T) {
	for s, want := range map[string]string{
		`{{ range 3 }}x{{ end }}`:                               "functions and pipes only",
		`{{ if true }}x{{ end }}`:                               "functions and pipes only",
		`{{ define "a" }}x{{ end }}y`:                           "functions and pipes only",
		`{{ $x := GetPrivateIP }}{{ $x }}`:                      "functions and pipes only",
		`{{ printf "%1000000000d" 1 }}`:                         `function "printf" not defined`,
		`{{ .Name }}`:                                           ".Name is no argument",
		`{{ "a" "b" }}`:                                         `"a" is no function`,
		`{{ GetAllInterfaces }}`:                                "gives a list of interfaces: end it with",
		`{{ 3 }}`:                                               "gives a number",
		`{{ GetAllInterfaces | limit "x" }}`:                    "argument 1 of limit is a text, want a number",
		`{{ GetPrivateIP 1 }}`:                                  "GetPrivateIP takes 0 arguments, not 1",
		`{{ GetPrivateIP }}` + strings.Repeat("x", maxTemplate): "limit 512",
	} {
		if got, err := expand(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %q, %v; want an error with %s", s, got, err, want)
		}
	}
}
