package nix

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseSettings(t *testing.T) {
	s, err := parseSettings([]byte(`{
		"store": {"value": "auto", "description": "x"}, "system": {"value": "aarch64-darwin"},
		"extra-platforms": {"value": ["x86_64-darwin"]}, "builders": {"value": "@/etc/nix/machines"},
		"external-builders": {"value": [{"systems": ["aarch64-linux"]}]}, "cores": {"value": 0},
		"use-case-hack": {"value": true}}`))
	if err != nil || s.Store != "auto" || s.System != "aarch64-darwin" || s.Builders != "@/etc/nix/machines" || !s.CaseHack ||
		!slices.Equal(s.ExtraPlatforms, []string{"x86_64-darwin"}) || !s.Builds("aarch64-linux") {
		t.Errorf("%+v, %v", s, err)
	}
	// Each version has fields and values of its own besides.
	for version, text := range map[string]string{
		"2.8":      `{"accept-flake-config": {"value": true, "defaultValue": false, "aliases": []}}`,
		"2.34":     `{"accept-flake-config": {"value": true, "experimentalFeature": "flakes"}, "store": {"value": "daemon", "documentDefault": true}}`,
		"Lix":      `{"accept-flake-config": {"value": "ask"}, "pure-eval": {"value": true}, "store": {"value": "auto", "documentDefault": false}}`,
		"Lix, set": `{"accept-flake-config": {"value": true, "overridden": true}, "external-builders": null}`,
	} {
		s, err := parseSettings([]byte(text))
		if err != nil || !s.Local() || s.AcceptFlakeConfig == (version == "Lix") || s.Pure != (version == "Lix") {
			t.Errorf("%s: %+v, %v", version, s, err)
		}
	}
	for _, bad := range []string{``, `[]`, `{"store": {"value": 1}}`, `{"use-case-hack": {"value": "x"}}`} {
		if _, err := parseSettings([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestLocal(t *testing.T) {
	for store, want := range map[string]bool{
		"":                                 true,
		"auto":                             true,
		"daemon":                           true,
		"local":                            true,
		"local?read-only=true":             true,
		"local://?read-only=true":          true,
		"local:///tmp/x":                   false,
		"local://?root=/tmp/x":             false,
		"unix://?x=y":                      true,
		"unix:///nix/var/nix/socket":       true,
		"unix:///x?root=/tmp/x":            false,
		"local?root=/tmp/x":                false,
		"/tmp/x":                           false,
		"ssh-ng://host":                    false,
		"ssh://host":                       false,
		"s3://bucket":                      false,
		"https://example.org":              false,
		"dummy://":                         false,
		"local-overlay://?lower-store=/a":  false,
		"mounted-ssh-ng://host?root=/host": false,
	} {
		if got := (Settings{Store: store}).Local(); got != want {
			t.Errorf("%q: %v", store, got)
		}
	}
}

func TestBuilds(t *testing.T) {
	dir := t.TempDir()
	machines := filepath.Join(dir, "machines")
	text := "# ours\nssh-ng://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/key 4 1 kvm - -\n@" + machines + "\n"
	if err := os.WriteFile(machines, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mac := Settings{System: "aarch64-darwin", ExtraPlatforms: []string{"x86_64-darwin"}}
	tests := []struct {
		builders, system string
		want             bool
	}{
		{"", "aarch64-darwin", true},
		{"", "x86_64-darwin", true},
		{"", "aarch64-linux", false},
		{"@" + filepath.Join(dir, "none"), "aarch64-linux", false},
		{"@" + machines, "aarch64-linux", true},
		{"@" + machines, "riscv64-linux", false},
		{"ssh://a x86_64-linux ; ssh://b aarch64-linux", "aarch64-linux", true},
		{"ssh://a x86_64-linux\nssh://b i686-linux", "aarch64-linux", false},
		{"ssh://a", "aarch64-linux", false},
		{"ssh://a - - 1", "aarch64-linux", false},
		{"# ssh://a aarch64-linux", "aarch64-linux", false},
	}
	for _, tt := range tests {
		s := mac
		s.Builders = tt.builders
		if got := s.Builds(tt.system); got != tt.want {
			t.Errorf("builders %q build %s: %v", tt.builders, tt.system, got)
		}
	}
}

func TestSettingsOf(t *testing.T) {
	options := []string{
		"--impure", "--store", "ssh://x", "--option", "builders", "b", "-L",
		"--override-input", "store", "y", "--builders", "z", "--accept-flake-config", "--override-input", "use-case-hack", "z", "--no-use-case-hack", "--option", "short",
	}
	want := []string{"--store", "ssh://x", "--option", "builders", "b", "--builders", "z", "--accept-flake-config", "--no-use-case-hack"}
	if got := settingsOf(options); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
