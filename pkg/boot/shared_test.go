package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
)

// TestOpenShared: what a guest makes of a log in its share is no way to a file
// outside.
func TestOpenShared(t *testing.T) {
	if !ordinary(t) {
		return
	}
	dir := t.TempDir()
	share, precious := filepath.Join(dir, "share"), filepath.Join(dir, "precious")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(share+"/sub", 0o700))
	must(os.WriteFile(precious, nil, 0o600))
	must(os.Symlink(precious, share+"/log"))
	must(os.Symlink("../../precious", share+"/sub/log"))
	must(os.Symlink(dir, share+"/out"))
	must(os.Symlink(share, dir+"/link")) // the user's own
	must(os.Symlink("good", share+"/inside"))
	m := &machine{vm: &config.VirtualMachine{Devices: []config.VirtioDevice{
		&config.VirtioFs{SharedDir: share, DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "s"}},
	}}}
	for path, want := range map[string]string{
		share + "/log":        `a link leads out of share "s"`,
		share + "/sub/log":    `a link leads out of share "s"`,
		share + "/out/new":    `a link leads out of share "s"`,
		dir + "/link/log":     `a link leads out of share "s"`,
		dir + "/link/sub/log": `a link leads out of share "s"`,
		share + "/good":       "",
		share + "/inside":     "",
		share + "/sub/good":   "",
		dir + "/outside":      "",
		precious:              "",
	} {
		f, err := m.openShared(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		f.Close()
		if err := m.checkSharedLog(path); (err == nil) != (path == dir+"/outside" || path == precious) {
			t.Errorf("as a log that the VMM opens, %s: %v", path, err)
		}
	}
	if _, err := os.Lstat(dir + "/new"); err == nil {
		t.Error("a file was made outside")
	}
}

// TestSharedNames: what a guest makes of a file in its share is no way for its
// next start to a file outside.
func TestSharedNames(t *testing.T) {
	dir := t.TempDir()
	share := filepath.Join(dir, "share")
	err := errors.Join(os.Mkdir(share, 0o700), os.WriteFile(dir+"/precious", nil, 0o600), os.WriteFile(share+"/good", nil, 0o600),
		os.Symlink("../precious", share+"/bad"), os.Symlink(dir, share+"/out"), os.Symlink(share+"/good", share+"/inside"), os.Symlink(share, dir+"/link"))
	if err != nil {
		t.Fatal(err)
	}
	for path, good := range map[string]bool{
		dir + "/precious": true, share + "/good": true, share + "/inside": true, share + "/new": true, dir + "/link/good": true,
		share + "/bad": false, share + "/out/precious": false, share + "/out/new": false, dir + "/link/bad": false,
	} {
		for what, set := range map[string]func(*machine, *config.LinuxBootloader){
			"kernel":          func(_ *machine, l *config.LinuxBootloader) { l.VmlinuzPath = path },
			"initrd":          func(_ *machine, l *config.LinuxBootloader) { l.InitrdPath = path },
			"--input":         func(m *machine, _ *config.LinuxBootloader) { m.InputFile = path },
			"state directory": func(m *machine, _ *config.LinuxBootloader) { m.place.Dir = path },
			"directory":       func(m *machine, _ *config.LinuxBootloader) { m.doc.Directories = []launchdoc.Directory{{Path: path}} },
			"files":           func(m *machine, _ *config.LinuxBootloader) { m.doc.Files = []launchdoc.File{{From: path}} },
			"disk": func(m *machine, _ *config.LinuxBootloader) {
				m.vm.Devices = append(m.vm.Devices, &config.VirtioBlk{DiskStorageConfig: config.DiskStorageConfig{ImagePath: path}})
			},
		} {
			linux := &config.LinuxBootloader{}
			m := &machine{doc: &launchdoc.Document{}, vm: &config.VirtualMachine{Bootloader: linux, Devices: []config.VirtioDevice{
				&config.VirtioFs{SharedDir: share, DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "s"}},
			}}}
			set(m, linux)
			err := m.checkNames()
			if (err == nil) != good || err != nil && !strings.HasPrefix(err.Error(), what+": "+path+": a link leads out of share") {
				t.Errorf("%s %s: %v", what, path, err)
			}
			m.kind.ReadOnlyShares, m.doc.ReadOnly = true, []string{"s"}
			if err := m.checkNames(); err != nil {
				t.Errorf("%s %s, read-only: %v", what, path, err)
			}
		}
	}
}
