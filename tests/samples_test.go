//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nixvf/nixvf/pkg/nixos"
)

// lookAt returns what of, a function in the Nix language of a VM's
// configuration, makes of each sample whose name matches a pattern, by name.
func lookAt[T any](t *testing.T, pattern, of string) map[string]T {
	t.Helper()
	if _, err := exec.LookPath("nix"); err != nil {
		t.Skip(err)
	}
	apply := `f: let names = builtins.filter (n: builtins.match "` + pattern + `" n != null) f.names;
		in builtins.listToAttrs (map (name: { inherit name; value = (` + of + `) (f.config name); }) names)`
	var samples map[string]T
	if err := json.Unmarshal(evalSamples(t, os.Getenv("NIXPKGS"), apply), &samples); err != nil {
		t.Fatal(err)
	}
	return samples
}

// inspectSamples returns the inspections of all samples, by name, as JSON.
// What has no VM at all has only its refusal. Against a real nixpkgs, which has one release, only those of one.
func inspectSamples(t *testing.T, nixpkgs string) []byte {
	t.Helper()
	only := ".*"
	if nixpkgs != "" {
		only = "26.05"
	}
	return evalSamples(t, nixpkgs, `f: let
		names = builtins.filter (n: builtins.match ".*-`+only+`" n != null && builtins.match "noVM-.*" n == null) f.names;
	in builtins.listToAttrs (map (name: { inherit name; value = f.inspect name; }) names)`)
}

// evalSamples returns the value of apply, a function in the Nix language of the
// wrapper's lib over the samples, as JSON.
func evalSamples(t *testing.T, nixpkgs, apply string) []byte {
	t.Helper()
	dir := samplesDir(t)
	wrapper := filepath.Join(dir, "wrapper")
	if err := nixos.Write(wrapper, `"path:`+filepath.Join(dir, "samples")+`"`, nil); err != nil {
		t.Fatal(err)
	}
	if nixpkgs == "" {
		nixpkgs = filepath.Join(dir, "stand-in")
	}
	cmd := exec.Command("nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json",
		"--no-write-lock-file", "path:"+wrapper+"#lib", "--apply", apply,
		"--override-input", "target/nixpkgs", "path:"+nixpkgs)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return out
}

// samplesDir returns a directory that holds the samples and the stand-in, and is
// this test's home.
func samplesDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	for _, part := range []string{"samples", "stand-in"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join("nixpkgs", part))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "samples/nixvf"), os.DirFS("../pkg/nixos")); err != nil {
		t.Fatal(err)
	}
	return dir
}
