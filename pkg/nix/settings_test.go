package nix

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseSettings(t *testing.T) {
	s, err := parseSettings([]byte(`accept-flake-config = ask
allowed-uris = 
builders = ssh://a x86_64-linux
ssh://b riscv64-linux # two = 2
cores = 0
external-builders = [{"systems":["aarch64-linux"]}]
extra-platforms = x86_64-darwin i686-linux
pure-eval = true
store = auto
system = aarch64-darwin
use-case-hack = true
`))
	if err != nil || s.Store != "auto" || s.System != "aarch64-darwin" || !s.CaseHack || !s.Pure || s.AcceptFlakeConfig ||
		s.Builders != "ssh://a x86_64-linux\nssh://b riscv64-linux # two = 2" ||
		!slices.Equal(s.ExtraPlatforms, []string{"x86_64-darwin", "i686-linux"}) || !s.Builds("aarch64-linux") {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = parseSettings([]byte("accept-flake-config = true\nstore = \nsystem = x86_64-linux"))
	if err != nil || !s.AcceptFlakeConfig || !s.Local() || s.CaseHack || s.Pure {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{``, "{}", "store = auto\n", "system = x\nuse-case-hack = x\n", "system = x\npure-eval = 1\n"} {
		if s, err := parseSettings([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte("builders = a\nb\nsystem = x\npure-eval = true\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := parseSettings(text); err == nil && s.System == "" {
			t.Errorf("%q: %+v", text, s)
		}
	})
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
