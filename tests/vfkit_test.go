//go:build linux

package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// buildVfkit builds vfkit itself, over a stand-in for Virtualization.framework,
// once, and returns its directory. NIXVF_VFKIT is another version than go.mod's,
// or one of those that vfkit/versions names.
//
// What the machine does is set by environment variables (vfkit/vz/machine).
var buildVfkit = sync.OnceValues(func() (dir string, err error) {
	if dir := os.Getenv(builtEnv); dir != "" {
		return filepath.Join(dir, "vfkit"), nil
	}
	cmd := exec.Command("vfkit/build")
	if version := os.Getenv("NIXVF_VFKIT"); version != "" {
		cmd.Args = append(cmd.Args, version)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("vfkit/build: %w\n%s", err, &said)
	}
	return strings.TrimSpace(string(out)), nil
})

// vfkitPath is the setting of PATH with which vfkit is found first.
func vfkitPath(t *testing.T) string {
	t.Helper()
	dir, err := buildVfkit()
	if err != nil {
		t.Fatal(err)
	}
	return "PATH=" + dir + ":" + bin + ":" + os.Getenv("PATH")
}

// TestVfkitVersions compares what vfkit/versions says of nixpkgs with the one in
// $NIXPKGS, if that is a tree of its.
func TestVfkitVersions(t *testing.T) {
	nixpkg, err := os.ReadFile(filepath.Join(os.Getenv("NIXPKGS"), "pkgs/by-name/vf/vfkit/package.nix"))
	if err != nil {
		t.Skip("no nixpkgs to compare with")
	}
	versions, err := os.ReadFile("vfkit/versions")
	if err != nil {
		t.Fatal(err)
	}
	theirs := regexp.MustCompile(`(?m)^  version = "(.*)";$`).FindSubmatch(nixpkg)
	if theirs == nil || !strings.Contains(string(versions), fmt.Sprintf("nixpkgs v%s\n", theirs[1])) {
		t.Errorf("nixpkgs has %q, vfkit/versions %q", theirs, versions)
	}
}
