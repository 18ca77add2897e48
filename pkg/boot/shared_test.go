package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"
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
