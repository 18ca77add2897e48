//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nixvf/nixvf/pkg/nixos"
)

// samples are the sample configurations, with nixvf's wrapper flake over them.
type samples struct {
	dir     string // holds them
	nixpkgs string // the flake that they are evaluated on
	// The stand-in evaluates each of them for these releases, in one process; a real
	// nixpkgs has one release, whatever the samples' names say, and is large.
	releases []string
	atOnce   int
}

// onEach runs a test of the samples on the stand-in for nixpkgs, and on the real
// one that $NIXPKGS names.
func onEach(t *testing.T, test func(t *testing.T, s samples)) {
	t.Helper()
	if _, err := exec.LookPath("nix"); err != nil {
		t.Skip(err)
	}
	t.Run("stand-in", func(t *testing.T) {
		dir := samplesDir(t)
		test(t, samples{dir, "path:" + filepath.Join(dir, "stand-in"), []string{"25.11", "26.05", "26.11"}, 1000})
	})
	t.Run("nixpkgs", func(t *testing.T) {
		if os.Getenv("NIXPKGS") == "" {
			t.Skip("NIXPKGS names no checkout of nixpkgs")
		}
		flake, err := realNixpkgs()
		if err != nil {
			t.Fatal(err)
		}
		test(t, samples{samplesDir(t), flake, []string{"26.05"}, 6})
	})
}

// realNixpkgs returns the flake in $NIXPKGS, with its hash: each nix has a cache of
// its own in these tests, and would read the tree again.
var realNixpkgs = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("nix", "--extra-experimental-features", "nix-command flakes",
		"flake", "metadata", "--json", "path:"+os.Getenv("NIXPKGS")).Output()
	if err != nil {
		return "", err
	}
	var flake struct{ URL string }
	err = json.Unmarshal(out, &flake)
	return flake.URL, err
})

// real reports whether they are evaluated on a real nixpkgs.
func (s samples) real() bool { return len(s.releases) == 1 }

// lookAt returns what of, a function in the Nix language of a VM's configuration,
// makes of the samples with those names, joined by "|", of each release, by name
// and release. Each of them must be there.
func lookAt[T any](t *testing.T, s samples, names, of string) map[string]T {
	t.Helper()
	all := ofEach[T](t, s, names, "f: name: ("+of+") (f.config name)")
	if want := (strings.Count(names, "|") + 1) * len(s.releases); len(all) != want {
		t.Errorf("%d samples of %d", len(all), want)
	}
	return all
}

// ofEach is lookAt with a function of the wrapper's lib and a sample's name.
func ofEach[T any](t *testing.T, s samples, pattern, of string) map[string]T {
	t.Helper()
	var names []string
	s.eval(t, fmt.Sprintf(`f: builtins.filter (n: builtins.match "(%s)-(%s)" n != null) f.names`,
		pattern, strings.ReplaceAll(strings.Join(s.releases, "|"), ".", "[.]")), &names)
	all := map[string]T{}
	for some := range slices.Chunk(names, s.atOnce) {
		list, err := json.Marshal(some)
		if err != nil {
			t.Fatal(err)
		}
		var found map[string]T
		s.eval(t, fmt.Sprintf(`f: builtins.listToAttrs (map (name: { inherit name; value = (%s) f name; })
			(builtins.fromJSON %q))`, of, list), &found)
		maps.Copy(all, found)
	}
	if len(all) == 0 {
		t.Error("no samples")
	}
	return all
}

// eval reads the value of apply, a function in the Nix language of the wrapper's
// lib over the samples.
func (s samples) eval(t *testing.T, apply string, to any) {
	t.Helper()
	wrapper := s.wrapper(t)
	cmd := exec.Command("nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json",
		"--no-write-lock-file", "path:"+wrapper+"#lib", "--apply", apply,
		"--override-input", "target/nixpkgs", s.nixpkgs)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(out, to); err != nil {
		t.Fatal(err)
	}
}

// wrapper returns the directory of the wrapper flake over the samples, with the test's own outputs.
func (s samples) wrapper(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(s.dir, "wrapper")
	url := `"path:` + filepath.Join(s.dir, "samples") + `"`
	if err := nixos.Write(dir, url, nil); os.IsExist(err) {
		return dir
	} else if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(read(t, "nixpkgs/wrapper.nix"), `"path:/replaced-by-nixvf-eval"`, url, 1)
	if err := os.WriteFile(filepath.Join(dir, "flake.nix"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
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
