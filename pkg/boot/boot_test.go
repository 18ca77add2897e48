package boot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/launchdoc"
)

func TestVersions(t *testing.T) {
	tests := []struct {
		text  string
		check func(string) error
		ok    bool
	}{
		{"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n", CheckQEMUVersion, true},
		{"QEMU emulator version 10.0.2\n", CheckQEMUVersion, true},
		{"QEMU emulator version 5.2.0\n", CheckQEMUVersion, false},
		{"something else", CheckQEMUVersion, false},
		{"vfkit version: v0.6.3\n", CheckVfkitVersion, true},
		{"vfkit version: 0.5.1\n", CheckVfkitVersion, true},
		{"vfkit version: v0.5.0\n", CheckVfkitVersion, false},
		{"vfkit version: v0.10.0\n", CheckVfkitVersion, true},
		{"vfkit version: unknown\n", CheckVfkitVersion, true},
		{"vlc version 3\n", CheckVfkitVersion, false},
		{"", CheckVfkitVersion, false},
	}
	for _, tt := range tests {
		if err := tt.check(tt.text); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}

// TestVersionIsRemembered asks a program once, and again when it changes.
func TestVersionIsRemembered(t *testing.T) {
	dir := t.TempDir()
	program, log := filepath.Join(dir, "qemu"), filepath.Join(dir, "log")
	write := func(version string) {
		script := "#!/bin/sh\necho asked >>" + log + "\necho QEMU emulator version " + version + "\n"
		if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	asked := func() int {
		data, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(data), "asked")
	}
	v := versions{filepath.Join(dir, "cache", "versions")}
	write("7.2.0")
	for range 3 {
		if err := v.check(context.Background(), program, CheckQEMUVersion); err != nil {
			t.Fatal(err)
		}
	}
	if asked() != 1 {
		t.Errorf("asked %d times, not once", asked())
	}
	write("5.2.0.old")
	for range 2 {
		if err := v.check(context.Background(), program, CheckQEMUVersion); err == nil {
			t.Error("an old version passes after a change")
		}
	}
	if asked() != 3 {
		t.Errorf("asked %d times, not 3: what is refused must not be remembered", asked())
	}
	if err := v.check(context.Background(), filepath.Join(dir, "missing"), CheckQEMUVersion); err == nil {
		t.Error("a missing program passes")
	}
}

func TestReadOnly(t *testing.T) {
	m := &machine{doc: &launchdoc.Document{ReadOnly: []string{"docs"}}}
	tests := []struct {
		tag, dir string
		want     bool
	}{
		{"docs", "/home/me/docs", true},
		{"home", "/home/me", false},
		{"nix-store", "/nix/store", true},
		{"anything", "/nix/store", true},
		{"one", "/nix/store/abc-hello", true},
		{"other", "/nix/storehouse", false},
	}
	if _, err := os.Stat("/nix/store"); err == nil {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink("/nix/store", link); err != nil {
			t.Fatal(err)
		}
		if !m.readOnly("other", link) {
			t.Error("a link to the store is taken for something else")
		}
	}
	for _, tt := range tests {
		if got := m.readOnly(tt.tag, tt.dir); got != tt.want {
			t.Errorf("%s at %s: %v, want %v", tt.tag, tt.dir, got, tt.want)
		}
	}
}

// TestUndo removes what was made, and nothing that came in its place.
func TestUndo(t *testing.T) {
	dir := t.TempDir()
	l := &made{}
	for _, name := range []string{"kept", "swapped"} {
		if err := l.directory(launchdoc.Directory{Path: filepath.Join(dir, name), Temporary: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "swapped"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(dir, "swapped", "precious")
	if err := os.MkdirAll(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.undo(); err == nil {
		t.Error("a replaced directory is no error")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("what took a temporary's place was removed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kept")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a temporary directory is left: %v", err)
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(launchdoc.File{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(to); err != nil || string(data) != "certificates" {
		t.Errorf("%q, %v", data, err)
	}
	if err := copyFile(launchdoc.File{From: from, To: to}); !errors.Is(err, os.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
}
