package bootdoc

import (
	"slices"
	"strings"
	"testing"
)

// TestDifferences: each setting that differs has a line, and nothing else has one.
func TestDifferences(t *testing.T) {
	parse := func(settings, params string) *Document {
		t.Helper()
		doc, _, err := Parse([]byte(`{"kernel": "/k", "initrd": "/i", "init": "/init", "kernel-params": [` + params + `], "virtualisation": {` + settings + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	const settings = `"cores": 2, "memorySize": 2048, "unknown": 1, "sharedDirectories": {"docs": {"source": "$DOCS", "target": "/docs"}},
		"forwardPorts": [{"from": "host", "host": {"port": 2222}, "guest": {"port": 22}}], "credentials": {"a": "/a"}, "nixvf": {"ssh": {"enable": true}}`
	was := parse(settings, `"quiet", "console=hvc0"`)
	same := parse(settings, `"console=hvc0", "quiet"`)
	same.Init, same.Toplevel, same.Label, same.Roots, same.RegInfo = "/other", "/nix/store/other", "other", []string{"/nix/store/x"}, "/nix/store/x/y"
	if lines := Differences(was, same); lines != nil {
		t.Errorf("what a switch follows is a difference: %q", lines)
	}
	now := parse(`"cores": 4, "memorySize": 2048, "unknown": 2, "sharedDirectories": {"docs": {"source": "/x", "target": "/docs", "writable": false}, "work": {"source": "/w", "target": "/work"}},
		"emptyDiskImages": [512], "diskImage": null, "forwardPorts": [{"from": "guest", "proto": "udp", "host": {"address": "::1", "port": 53}, "guest": {"address": "10.0.2.4", "port": 5353}}],
		"nixvf": {"mac": "52:54:00:12:34:56", "ssh": {"enable": true}}`, `"console=hvc0", "loglevel=7"`)
	now.Kernel, now.Initrd = "/k2", "/i2"
	want := []string{
		`cores: 4, was 2`,
		`credential a: is gone`,
		`diskImage: is gone`,
		`emptyDiskImages: [512], was []`,
		`forwarded port 2222 to 22: is gone`,
		`forwarded port guest's 10.0.2.4:5353 to [::1]:53/udp: is new`,
		`initrd: /i2, was /i`,
		`kernel: /k2, was /k`,
		`kernel parameter loglevel=7: is new`,
		`kernel parameter quiet: is gone`,
		`nixvf.mac: is new, "52:54:00:12:34:56"`,
		`share docs: /x at /docs, read-only, was $DOCS at /docs`,
		`share work: is new, /w at /work`,
	}
	if lines := Differences(was, now); !slices.Equal(lines, want) {
		t.Errorf("differences:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
