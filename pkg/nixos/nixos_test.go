package nixos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wrapper")
	if err := Write(dir, `"git+file:///x?dir=\${y}"`, []byte("lock")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files)+1 {
		t.Errorf("%v, %v", entries, err)
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if name == "flake.nix" {
			if !strings.Contains(string(got), `  inputs.target.url = "git+file:///x?dir=\${y}";`) {
				t.Errorf("the flake is not in %s", got)
			}
			text = string(got)
		}
		if err != nil || string(got) != text {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	if lock, err := os.ReadFile(filepath.Join(dir, "flake.lock")); string(lock) != "lock" || err != nil {
		t.Errorf("flake.lock: %q, %v", lock, err)
	}
	if err := Write(dir, `""`, nil); err == nil {
		t.Error("written over what was there")
	}
}

func TestWriteNoLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wrapper")
	if err := Write(dir, `""`, nil); err != nil {
		t.Fatal(err)
	}
	if lock, err := os.Lstat(filepath.Join(dir, "flake.lock")); err == nil {
		t.Errorf("%v", lock)
	}
}
