package nixos

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func install(t *testing.T, parent string) string {
	t.Helper()
	dir, err := Install(filepath.Join(parent, "wrapper"), mkdir(t, parent))
	if err != nil {
		t.Fatal(err)
	}
	if !installed(dir) {
		t.Fatalf("%s is not complete", dir)
	}
	return dir
}

func mkdir(t *testing.T, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "temp")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInstall(t *testing.T) {
	parent := t.TempDir()
	dir := install(t, parent)
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again := install(t, parent); again != dir {
		t.Errorf("%s, then %s", dir, again)
	}
	if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
		t.Errorf("a good installation was replaced: %v", err)
	}
}

// What was changed there, or added, is not evaluated.
func TestInstallOverTampered(t *testing.T) {
	parent := t.TempDir()
	dir := install(t, parent)
	for name, spoil := range map[string]func() error{
		"changed": func() error { return os.WriteFile(filepath.Join(dir, "module.nix"), []byte("{ }"), 0o600) },
		"added":   func() error { return os.WriteFile(filepath.Join(dir, "flake.lock"), []byte("{}"), 0o600) },
		"removed": func() error { return os.Remove(filepath.Join(dir, "flake.nix")) },
		"file": func() error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, nil, 0o600)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if installed(dir) {
			t.Errorf("%s: not noticed", name)
		}
		install(t, parent)
	}
}

func TestInstallAtTheSameTime(t *testing.T) {
	parent := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		temp := mkdir(t, parent)
		group.Go(func() {
			if dir, err := Install(filepath.Join(parent, "wrapper"), temp); err != nil || !installed(dir) {
				t.Errorf("%s: %v", dir, err)
			}
		})
	}
	group.Wait()
}
