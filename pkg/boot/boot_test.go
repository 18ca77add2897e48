package boot

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"
	"github.com/nixvf/nixvf/pkg/launchdoc"
)

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

// TestRootDisk: the disk that "list" shows is the root disk, wherever it stands.
func TestRootDisk(t *testing.T) {
	disk := func(path, serial string) *config.VirtioBlk {
		d, err := config.VirtioBlkNew(path)
		if err != nil {
			t.Fatal(err)
		}
		d.SetDeviceIdentifier(serial)
		return d
	}
	other := disk("/store.img", "nix-store")
	for _, tt := range []struct {
		devices []config.VirtioDevice
		boot    string
		want    string
	}{
		{[]config.VirtioDevice{other, disk("/root.raw", "root")}, "{}", "/root.raw"},
		{[]config.VirtioDevice{other}, "{}", ""},
		{[]config.VirtioDevice{disk("/first.raw", ""), other}, "", "/first.raw"}, // by hand
		{nil, "", ""},
	} {
		m := &machine{doc: &launchdoc.Document{}, vm: &config.VirtualMachine{Devices: tt.devices}}
		if tt.boot != "" {
			m.doc.Boot = []byte(tt.boot)
		}
		if got := m.rootDisk(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
