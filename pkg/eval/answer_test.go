package eval

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
)

func TestParseAnswer(t *testing.T) {
	tests := []struct{ answer, failure, hint string }{
		{`{"kind": "none"}`, "flake ./x has no nixosConfigurations", ""},
		{`{"kind": "missing", "names": ["a", "web.prod"]}`, `flake ./x has no configuration "vm"; it has a, "web.prod"`, ""},
		{`{"kind": "several", "names": ["web.prod", "b"]}`, `flake ./x has several configurations: "web.prod", b`, `name one, as in './x#"web.prod"'`},
		{`{"kind": "several", "names": ["a", "b"]}`, `flake ./x has several configurations: a, b`, "name one, as in ./x#a"},
		{`{"kind": "foreign", "name": "vm"}`, `configuration "vm" is not a NixOS configuration`, "nixvf needs the result"},
		{`{"kind": "system", "name": "` + strings.Repeat("n", 129) + `"}`, "its name is longer than 128 bytes", ""},
		{`{"kind": "system", "name": "vm", "additional": [{"text": "/etc/passwd", "context": {}}]}`,
			`additionalPaths: "/etc/passwd" is not in the Nix store`, ""},
		{`{"kind": "system", "name": "vm", "settings": {"emptyDiskImages": [{"size": 5, "driveConfig": {"deviceExtraOpts": {"serial": "longer-than-twenty-bytes"}}}]}}`,
			`vm: virtualisation.emptyDiskImages[0].driveConfig.deviceExtraOpts.serial: serial number "longer-than-twenty-bytes" is not of at most 20`, ""},
		{`{"kind": "system", "name": "vm", "settings": {"qemu": {"drives": [{"file": "$(pwd)/a.raw"}, {"file": "a b"}]}}}`,
			`vm: virtualisation.qemu.drives: file: "$(pwd)/a.raw": command substitution is not allowed`, "$PWD"},
		{`{"kind": "other"}`, `kind "other"`, ""},
		{`[]`, "nix eval: json", ""},
	}
	for _, tt := range tests {
		_, err := parseAnswer([]byte(tt.answer), "./x", "vm")
		if err == nil || !strings.Contains(err.Error(), tt.failure) {
			t.Errorf("%s: %v, want %q", tt.answer, err, tt.failure)
		}
		if hints := fault.Hints(err); (len(hints) > 0) != (tt.hint != "") || len(hints) > 0 && !strings.Contains(hints[0], tt.hint) {
			t.Errorf("%s: hints %q, want %q", tt.answer, hints, tt.hint)
		}
	}
}

// A path that only a flag makes right is said before the build.
func TestPathWarnings(t *testing.T) {
	a, err := parseAnswer([]byte(`{"kind": "system", "name": "vm", "warnings": ["other"], "settings": {
		"diskImage": "`+"`pwd`"+`/a.raw", "credentials": {"key": "$(pwd)/key"}, "nixvf": {"console": "$(pwd)/log"}, "qemu": {"drives": [{"file": "$UNSET/a.raw"}]}, "sharedDirectories": {
			"home": {"source": "$HOME"}, "project": {"source": "$(pwd)"}, "quoted": {"source": "'open"}}}}`), ".", "vm")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"other",
		"virtualisation.diskImage: \"`pwd`/a.raw\": command substitution is not allowed: nixvf-args needs --disk FILE",
		`virtualisation.sharedDirectories.project.source: "$(pwd)": command substitution is not allowed: nixvf-args needs --share project=DIR`,
		`virtualisation.sharedDirectories.quoted.source: "'open": reached EOF without closing quote ` + "`'`" + `: nixvf-args needs --share quoted=DIR`,
		`virtualisation.credentials.key: "$(pwd)/key": command substitution is not allowed: nixvf-args needs --credential key=FILE`,
		`nixvf.console: "$(pwd)/log": command substitution is not allowed: nixvf-args needs --console FILE`,
	}
	if !slices.Equal(a.Warnings, want) {
		t.Errorf("warnings %q", a.Warnings)
	}
}

func TestWanted(t *testing.T) {
	a, err := parseAnswer([]byte(`{
		"kind": "system", "name": "vm", "system": "aarch64-linux",
		"toplevel": {"text": "/nix/store/t", "context": {"/nix/store/t.drv": {"outputs": ["out"]}}},
		"additional": [
			{"text": "/nix/store/t", "context": {"/nix/store/t.drv": {"outputs": ["out"]}}},
			{"text": "/nix/store/a/bin/x", "context": {"/nix/store/a.drv": {"outputs": ["out"]}}},
			{"text": "/nix/store/a-dev", "context": {"/nix/store/a.drv": {"outputs": ["dev"]}}},
			{"text": "/nix/store/s", "context": {"/nix/store/s": {"path": true}}},
			{"text": "/nix/store/p/q", "context": {}},
			{"text": "/nix/store/b.drv", "context": {"/nix/store/b.drv": {"allOutputs": true}}}
		]}`), ".", "vm")
	if err != nil {
		t.Fatal(err)
	}
	system, err := a.system()
	if want := (nix.Wanted{Outputs: map[string][]string{"/nix/store/t.drv": {"out"}}}); err != nil || !reflect.DeepEqual(system, want) {
		t.Errorf("system: %v, %v", system, err)
	}
	got := wanted(a.Additional...)
	if want := []string{"/nix/store/b.drv", "/nix/store/p", "/nix/store/s"}; !slices.Equal(got.Paths, want) {
		t.Errorf("paths: %q", got.Paths)
	}
	outputs := map[string][]string{"/nix/store/t.drv": {"out"}, "/nix/store/a.drv": {"dev", "out"}}
	if !reflect.DeepEqual(got.Outputs, outputs) {
		t.Errorf("outputs: %q", got.Outputs)
	}
	a.Toplevel.Context = nil
	if _, err := a.system(); err == nil {
		t.Error("a toplevel without a derivation: no error")
	}
}

// A Mac runs guests of its own processor; elsewhere QEMU emulates others.
func TestRuns(t *testing.T) {
	for _, tt := range []struct{ guest, host, line, hint string }{
		{"aarch64-linux", "aarch64-darwin", "", ""},
		{"x86_64-linux", "x86_64-darwin", "", ""},
		{"aarch64-linux", "x86_64-linux", "", ""},
		{"x86_64-linux", "aarch64-darwin", "the guest is x86_64-linux: this Mac (aarch64-darwin) runs aarch64-linux guests only", "Rosetta"},
		{"aarch64-linux", "x86_64-darwin", "the guest is aarch64-linux: this Mac (x86_64-darwin) runs x86_64-linux guests only", `"x86_64-linux"`},
		{"riscv64-linux", "aarch64-darwin", "the guest is riscv64-linux: this Mac (aarch64-darwin) runs aarch64-linux guests only", `"aarch64-linux"`},
	} {
		err := checkPlatform(tt.guest, tt.host)
		if line := strings.Join(fault.Lines(err), "\n"); line != tt.line {
			t.Errorf("%s on %s: %q", tt.guest, tt.host, line)
		}
		if hints := strings.Join(fault.Hints(err), "\n"); !strings.Contains(hints, tt.hint) || (hints == "") != (tt.hint == "") {
			t.Errorf("%s on %s: hint %q", tt.guest, tt.host, hints)
		}
	}
}
