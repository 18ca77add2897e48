package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
)

func TestWhyWritable(t *testing.T) {
	tests := []struct {
		name     string
		owner    bool
		uid      int
		writable bool
		want     string
	}{
		{"multi-user Nix", false, 501, false, ""},
		{"single-user Nix", true, 501, true, "it belongs to this user"},
		{"a mode that its owner can change", true, 501, false, "it belongs to this user"},
		{"by its group or everybody", false, 501, true, "this user may write to it"},
		{"root", false, 0, false, "nixvf-boot runs as root"},
	}
	for _, tt := range tests {
		if got := whyWritable(tt.owner, tt.uid, tt.writable); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSharesStay checks a share, has it replaced, by itself and by a link, and
// looks again.
func TestSharesStay(t *testing.T) {
	dir := t.TempDir()
	share, link, other := filepath.Join(dir, "share"), filepath.Join(dir, "link"), filepath.Join(dir, "other")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(share, 0o700))
	must(os.Mkdir(other, 0o700))
	must(os.Symlink(share, link))
	m := &machine{doc: &launchdoc.Document{}, shares: seen{}}
	for _, path := range []string{share, link} {
		d := &config.VirtioFs{SharedDir: path, DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "x"}}
		must(m.checkShare(d))
	}
	must(m.shares.checkUnchanged())

	must(os.Remove(link))
	must(os.Symlink(other, link))
	err := m.shares.checkUnchanged()
	if err == nil || !strings.Contains(err.Error(), "share "+link+": replaced since") || strings.Contains(err.Error(), share) {
		t.Errorf("a link that leads elsewhere: %v", err)
	}
	must(os.Rename(share, share+".old"))
	must(os.Symlink("/", share))
	if err := m.shares.checkUnchanged(); err == nil || !strings.Contains(err.Error(), "share "+share+": replaced") {
		t.Errorf("a link in a directory's place: %v", err)
	}
}

// A VM with an image of the store cannot write to the host's, to whomever that
// belongs: vfkit runs it where it refuses to share the store.
func TestStoreImageIsSafe(t *testing.T) {
	dir := t.TempDir()
	shared := &config.VirtioFs{SharedDir: "/nix/store", DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "nix-store"}}
	image := &config.VirtioBlk{DiskStorageConfig: config.DiskStorageConfig{StorageConfig: config.StorageConfig{ReadOnly: true}, ImagePath: filepath.Join(dir, "x.img")}}
	for device, refused := range map[config.VirtioDevice]bool{shared: true, image: false} {
		m := &machine{doc: &launchdoc.Document{}, shares: seen{}, vm: &config.VirtualMachine{Devices: []config.VirtioDevice{device}}}
		m.UID = 0 // who can write anywhere
		if err := m.checkWrites(); (err != nil) != refused {
			t.Errorf("%T: %v", device, err)
		}
	}
}
