package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
)

// checkWrites reports shares that the guest must not write to and could. A VMM
// that knows read-only shares keeps it from that; under vfkit root in the guest
// can do whatever this user can. The store is too precious for a warning.
func (m *machine) checkWrites() error {
	if _, ok := m.vmm.(*vfkitVMM); !ok {
		return nil
	}
	var errs []error
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		info, err := os.Stat(d.SharedDir)
		if err != nil || !m.readOnly(d.MountTag, d.SharedDir) {
			continue // what is not there is reported elsewhere
		}
		reason := whyWritable(ownedBy(info, m.UID), m.UID, access(d.SharedDir, unix.W_OK) == nil)
		switch {
		case reason == "":
		case !inStore(d.SharedDir):
			m.Warn("share %q: vfkit has no read-only shares, and root in the guest could write to %s, because %s",
				d.MountTag, d.SharedDir, reason)
		case !m.UnsafeStore:
			err := fmt.Errorf("share %q: root in the guest could write to %s, because %s, and vfkit has no read-only shares",
				d.MountTag, d.SharedDir, reason)
			errs = append(errs, fault.Hint(err, "a multi-user installation of Nix protects the store; --unsafe-store trusts the guest"))
		}
	}
	return errors.Join(errs...)
}

// whyWritable says why the user uid can write to a directory, "" when he
// cannot. Its owner can, whatever its mode is now.
func whyWritable(owner bool, uid int, writable bool) string {
	switch {
	case uid == 0:
		return "vfkit runs as root"
	case owner:
		return "it belongs to this user"
	case writable:
		return "this user may write to it"
	}
	return ""
}

// inStore reports whether a directory, by whatever name, is the Nix store or in
// it. Files are compared, not names: on a file system that does not tell upper
// case from lower case one directory has many.
func inStore(dir string) bool {
	if cwd, err := os.Getwd(); err == nil && !filepath.IsAbs(dir) {
		dir = cwd + "/" + dir // as it stands: "link/.." is above where the link leads
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	store, missing := os.Stat(bootdoc.StoreDir)
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case dir == bootdoc.StoreDir, missing == nil && err == nil && os.SameFile(store, info):
			return true
		case dir == filepath.Dir(dir):
			return false
		}
	}
}

// seen are the shared directories as they were when they were checked.
type seen map[string]fs.FileInfo

// unchanged reports a shared directory that has been replaced since, perhaps by
// a link to somewhere else.
func (s seen) unchanged() error {
	var errs []error
	for path, before := range s {
		now, err := os.Stat(path)
		if err == nil && !os.SameFile(before, now) {
			err = errors.New("replaced by something else since it was checked")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("share %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}
