package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
)

// checkWrites reports shares that the guest must not write to and could. A VMM
// that knows read-only shares keeps it from that; under another one root in the
// guest can do whatever this user can. The store is too precious for a warning.
func (m *machine) checkWrites() error {
	if m.kind.ReadOnlyShares {
		return nil
	}
	var errs []error
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		if d.MountTag == credentialsTag { // of which the host needs nothing any more
			continue
		}
		if at, reason := m.storeBehind(d.SharedDir); reason != "" {
			if !m.UnsafeStore {
				err := fmt.Errorf("share %q: root in the guest could write to %s, because %s, and %s has no read-only shares",
					d.MountTag, at, reason, m.kind.Name)
				errs = append(errs, fault.Hint(err, "a multi-user installation of Nix protects the store; --unsafe-store trusts the guest"))
			}
			continue
		}
		if reason := m.whyWritable(d.SharedDir); reason != "" && m.readOnly(d.MountTag, d.SharedDir) {
			m.Warn("share %q: %s has no read-only shares, and root in the guest could write to %s, because %s",
				d.MountTag, m.kind.Name, d.SharedDir, reason)
		}
	}
	return errors.Join(errs...)
}

// tellReadOnly says which shares are read-only although nobody asked for it.
func (m *machine) tellReadOnly() {
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		if !m.kind.ReadOnlyShares || m.UnsafeStore || slices.Contains(m.doc.ReadOnly, d.MountTag) || inStore(d.SharedDir) {
			continue
		}
		if at, reason := m.storeBehind(d.SharedDir); reason != "" {
			m.Warn("share %q: it is read-only, because root in the guest could write to %s through it (--unsafe-store allows that)", d.MountTag, at)
		}
	}
}

// checkStore reports files in the store, or in Nix's state, that would be written
// to: those that are to be made there, and disk images that the guest may write
// to.
func (m *machine) checkStore() error {
	paths := m.logs()
	for _, d := range m.images() {
		if !d.ReadOnly {
			paths = append(paths, d.ImagePath)
		}
	}
	for _, d := range m.doc.Disks {
		paths = append(paths, d.Path)
	}
	for _, i := range m.doc.Images {
		paths = append(paths, i.Path)
	}
	for _, d := range m.doc.Directories {
		paths = append(paths, d.Path)
	}
	for _, f := range m.doc.Files {
		paths = append(paths, f.To)
	}
	slices.Sort(paths)
	var errs []error
	for _, path := range slices.Compact(paths) {
		if (inStore(path) || inside(path, nixState)) && !m.UnsafeStore {
			err := fmt.Errorf("%s: the VM would write to the Nix store or to Nix's database there", path)
			errs = append(errs, fault.Hint(err, "to attach a disk image read-only, use --device virtio-blk,path=PATH,readonly"))
		}
	}
	return errors.Join(errs...)
}

// nixState is where Nix has its database and its roots. Who writes there decides
// what the store is.
const nixState = "/nix/var/nix"

// storeBehind returns what of the store, or of Nix's state, a guest could write
// to through a shared directory, which is in it or has it in it, and why; no
// reason when it could not. What lies above counts: who may write there can put
// another store in its place.
func (m *machine) storeBehind(dir string) (at, reason string) {
	for _, top := range []string{bootdoc.StoreDir, nixState} {
		paths := pathUp(top, dir)
		if inside(dir, top) {
			paths = []string{dir}
		}
		for _, at := range paths {
			if reason := m.whyWritable(at); reason != "" {
				return at, reason
			}
		}
	}
	return "", ""
}

// pathUp returns the directories from at up to dir, none when at is not in it.
func pathUp(at, dir string) []string {
	top, err := os.Stat(dir)
	at, missing := filepath.EvalSymlinks(at)
	if err != nil || missing != nil {
		return nil
	}
	for path := []string{at}; ; path = append(path, at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, top) {
			return path
		}
		if at == filepath.Dir(at) {
			return nil
		}
		at = filepath.Dir(at)
	}
}

// whyWritable says why this user can write to a directory, "" when it cannot,
// or it is not there.
func (m *machine) whyWritable(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	return whyWritable(ownedBy(info, m.UID), m.UID, access(dir, unix.W_OK) == nil)
}

// whyWritable says why the user uid can write to a directory, "" when he
// cannot. Its owner can, whatever its mode is now.
func whyWritable(owner bool, uid int, writable bool) string {
	switch {
	case uid == 0:
		return "nixvf-boot runs as root"
	case owner:
		return "it belongs to this user"
	case writable:
		return "this user may write to it"
	}
	return ""
}

// existing returns the real path of a file, or of the nearest directory above it
// that exists.
func existing(path string) string {
	for at := path; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return real
		}
		if at == filepath.Dir(at) {
			return path
		}
	}
}

// inStore reports whether a directory, by whatever name, is the Nix store or in
// it.
func inStore(dir string) bool { return inside(dir, bootdoc.StoreDir) }

// inside reports whether a directory, by whatever name, is top or in it. Files
// are compared, not names: on a file system that does not tell upper case from
// lower case one directory has many.
func inside(dir, top string) bool {
	if cwd, err := os.Getwd(); err == nil && !filepath.IsAbs(dir) {
		dir = cwd + "/" + dir // as it stands: "link/.." is above where the link leads
	}
	dir = existing(dir)
	store, missing := os.Stat(top)
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case dir == top, missing == nil && err == nil && os.SameFile(store, info):
			return true
		case dir == filepath.Dir(dir):
			return false
		}
	}
}
