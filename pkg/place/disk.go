package place

import (
	"fmt"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/expand"
)

// Disk returns the absolute path of the VM's root disk, "" when the VM has
// none. flag (--disk) goes before NIX_DISK_IMAGE, and both before the
// document's diskImage. The warnings say what was changed on the way.
func (h Host) Disk(vm VM, diskImage *string, flag string) (path string, warnings []string, err error) {
	origin := "diskImage"
	switch env := h.Env("NIX_DISK_IMAGE"); {
	case flag != "":
		origin, diskImage = "--disk", &flag
	case env != "":
		origin, diskImage = "NIX_DISK_IMAGE", &env
	case diskImage == nil:
		return "", nil, nil
	}
	path, err = h.Path(vm, *diskImage)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", origin, err)
	}
	if stem, ok := strings.CutSuffix(path, ".qcow2"); ok {
		path = stem + ".raw"
		warnings = append(warnings, fmt.Sprintf("%s: vfkit reads raw images only: using %s", origin, path))
	}
	return path, warnings, nil
}

// Path expands a host path of a document: shell expansions as in NixOS's
// run-nixos-vm, where TMPDIR is the VM's own run directory unless USE_TMPDIR
// is set, and NIXVF_STATE the VM's state directory. A relative path is taken
// from the working directory.
func (h Host) Path(vm VM, s string) (string, error) {
	return expand.Path(s, h.Dir, func(name string) (string, bool) {
		switch {
		case name == "NIXVF_STATE":
			return vm.Dir, true
		case name == "TMPDIR" && !h.KeepsTMPDIR():
			return vm.Run(), true
		case name == "PWD":
			return h.Dir, true
		}
		return h.Lookup(name)
	})
}

// KeepsTMPDIR reports whether the user asked, with USE_TMPDIR=1, that TMPDIR
// itself be used for exchange directories, as run-nixos-vm does.
func (h Host) KeepsTMPDIR() bool {
	return h.Env("USE_TMPDIR") == "1" && h.Env("TMPDIR") != ""
}

// RootLabel is the file system label of the root disk, by which a NixOS VM
// finds it (qemu-vm.nix, rootFilesystemLabel).
const RootLabel = "nixos"

// DiskBytes returns the size of the root disk in bytes.
func DiskBytes(v bootdoc.Virtualisation) int64 { return int64(v.DiskSize) << 20 }
