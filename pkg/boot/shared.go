package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"
)

// sharedPart splits the path of a file at the first directory on its way that the
// VM shares: what comes after that may be the guest's links. There is no share
// when the file is in none.
func (m *machine) sharedPart(path string) (share *config.VirtioFs, top, rest string) {
	shares := config.FilterDevices[*config.VirtioFs](m.vm)
	dirs := []string{filepath.Dir(path)}
	for dirs[0] != filepath.Dir(dirs[0]) {
		dirs = slices.Insert(dirs, 0, filepath.Dir(dirs[0]))
	}
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, "", ""
		}
		for _, d := range shares {
			top, err := filepath.EvalSymlinks(d.SharedDir)
			if err != nil {
				continue
			}
			in, err := filepath.Rel(top, real)
			if err == nil && filepath.IsLocal(in) {
				after, _ := filepath.Rel(dir, path)
				return d, top, filepath.Join(in, after)
			}
		}
	}
	return nil, "", ""
}

// openShared opens a file that may be in a share, where a link of the guest's
// leads nowhere outside.
func (m *machine) openShared(path string, flag int) (*os.File, error) {
	share, top, rest := m.sharedPart(path)
	if share == nil {
		return os.OpenFile(path, flag, 0o600)
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(rest, flag, 0o600)
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) && strings.Contains(failed.Err.Error(), "escapes") {
		err = fmt.Errorf("%s: a link leads out of share %q, to which the guest may write", path, share.MountTag)
	}
	return f, err
}

// checkSharedLog reports a console's log that the VMM itself opens, through any
// link of the guest's.
func (m *machine) checkSharedLog(path string) error {
	share, _, _ := m.sharedPart(path)
	if share == nil || path == m.wanted.LogFile || m.kind.ReadOnlyShares && m.readOnly(share.MountTag, share.SharedDir) {
		return nil
	}
	return fmt.Errorf("console log %s: it is in share %q, where the guest may put a link in its place: name a file outside", path, share.MountTag)
}
