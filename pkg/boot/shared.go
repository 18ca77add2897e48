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

	"github.com/nixvf/nixvf/pkg/fault"
)

// sharedPart splits the path of a file at the first directory on its way that the
// VM shares: what comes after that may be the guest's links. There is no share
// when the file is in none.
func (m *machine) sharedPart(path string) (share *config.VirtioFs, top, rest string) {
	tops := map[string]*config.VirtioFs{}
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		if top, err := filepath.EvalSymlinks(d.SharedDir); err == nil && tops[top] == nil {
			tops[top] = d
		}
	}
	dirs := []string{filepath.Dir(path)}
	for dirs[0] != filepath.Dir(dirs[0]) {
		dirs = slices.Insert(dirs, 0, filepath.Dir(dirs[0]))
	}
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, "", ""
		}
		for top, d := range tops {
			if in, err := filepath.Rel(top, real); err == nil && filepath.IsLocal(in) {
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
		err = fmt.Errorf("%s: a link leads out of share %q, which the guest can write to", path, share.MountTag)
	}
	return f, err
}

// checkSharedLog returns an error for a console's log that the VMM itself opens, through any
// link of the guest's.
func (m *machine) checkSharedLog(path string) error {
	share, _, _ := m.sharedPart(path)
	if share == nil || path == m.wanted.LogFile || !m.guestWrites(share) {
		return nil
	}
	return fmt.Errorf("console log %s: it is in share %q, where the guest could replace it by a link: use a file outside the share", path, share.MountTag)
}

// guestWrites reports whether root in the guest may write to a share.
func (m *machine) guestWrites(share *config.VirtioFs) bool {
	return !m.kind.ReadOnlyShares || !m.readOnly(share.MountTag, share.SharedDir)
}

// checkNames reports files that this VM uses in a share, where a link leads
// outside: an earlier guest may have put it there, for this one to get at what
// is no business of its.
func (m *machine) checkNames() error {
	errs := []error{m.checkName("state directory", m.place.Dir), m.checkName("--input", m.InputFile)}
	if linux, ok := m.vm.Bootloader.(*config.LinuxBootloader); ok {
		errs = append(errs, m.checkName("kernel", linux.VmlinuzPath), m.checkName("initrd", linux.InitrdPath))
	}
	for _, d := range m.images() {
		errs = append(errs, m.checkName("disk", d.ImagePath))
	}
	for _, d := range m.doc.Directories {
		errs = append(errs, m.checkName("directory", d.Path))
	}
	for _, f := range m.doc.Files {
		errs = append(errs, m.checkName("files", f.From), m.checkName("files", f.To))
	}
	return errors.Join(errs...)
}

// checkName is checkNames for one path. What is not there yet is made without
// following a link.
func (m *machine) checkName(what, path string) error {
	if path == "" {
		return nil
	}
	share, top, _ := m.sharedPart(path)
	if share == nil || !m.guestWrites(share) {
		return nil
	}
	if in, err := filepath.Rel(top, existing(path)); err == nil && filepath.IsLocal(in) {
		return nil
	}
	err := fmt.Errorf("%s: %s: a link leads out of share %q, which the guest can write to", what, path, share.MountTag)
	return fault.Hint(err, "if the link is yours, give the path of the file itself")
}
