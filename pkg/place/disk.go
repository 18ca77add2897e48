package place

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/expand"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/shell"
)

// Disk returns the absolute path of the VM's root disk, "" when the VM has
// none. flag (--disk) goes before NIX_DISK_IMAGE, and that before the
// document's diskImage; as in run-nixos-vm, the variable gives no disk to a VM
// that has none. The warnings say what was changed on the way and what the
// path will lead to.
func (h Host) Disk(vm VM, diskImage *string, flag string) (path string, warnings []string, err error) {
	origin := "virtualisation.diskImage"
	switch env := h.Env("NIX_DISK_IMAGE"); {
	case flag != "":
		origin, diskImage = "--disk", &flag
	case diskImage == nil:
		return "", nil, nil
	case env != "":
		origin, diskImage = "NIX_DISK_IMAGE", &env
	}
	named, err := h.Path(vm, *diskImage)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", origin, err)
	}
	path = named
	if stem, ok := strings.CutSuffix(named, ".qcow2"); ok {
		path = stem + ".raw"
		warnings = append(warnings, fmt.Sprintf("%s: vfkit reads only raw images: using %s", origin, path))
	}
	switch {
	case h.isQcow2(path):
		err = qcow2Error(origin, path, path+".converted")
	case !h.Exists(path) && h.isQcow2(named):
		err = qcow2Error(origin, named, path)
	}
	if flake := h.copiedWith(path); flake != "" {
		warnings = append(warnings, fmt.Sprintf("%s: %s lies in a flake outside of git: "+
			"Nix copies %s into its store at each evaluation, disk and all", origin, path, flake))
	}
	return path, warnings, err
}

// qcow2Magic begins each qcow2 image (QEMU, docs/interop/qcow2.rst).
const qcow2Magic = "QFI\xfb"

func (h Host) isQcow2(path string) bool {
	if info, err := h.stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := h.Files.Open(strings.TrimPrefix(path, "/"))
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, len(qcow2Magic))
	n, _ := f.Read(magic)
	return string(magic[:n]) == qcow2Magic
}

// qcow2Error is the error for an image that has to be converted first.
func qcow2Error(origin, from, to string) error {
	err := fmt.Errorf("%s: %q is a qcow2 image, and vfkit reads only raw images", origin, from)
	return fault.Hint(err, "qemu-img convert -O raw %s %s converts it", shell.Word(from), shell.Word(to))
}

// copiedWith returns the directory of the flake that path lies in, if Nix
// copies all of it: a flake in a git repository is copied without the files
// that git does not know.
func (h Host) copiedWith(path string) (flake string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if flake == "" && h.Exists(filepath.Join(dir, "flake.nix")) {
			flake = dir
		}
		if h.Exists(filepath.Join(dir, ".git")) {
			flake = ""
		}
		if dir == filepath.Dir(dir) {
			return flake
		}
	}
}

// Exists reports whether there is something at an absolute path.
func (h Host) Exists(path string) bool {
	_, err := h.stat(path)
	return err == nil
}

func (h Host) stat(path string) (fs.FileInfo, error) {
	if h.Files == nil {
		return nil, fs.ErrNotExist
	}
	return fs.Stat(h.Files, strings.TrimPrefix(path, "/"))
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

// Check returns an error about what is wrong with a host path of a document whatever the
// environment is.
func Check(s string) error { return expand.Check(s) }

// KeepsTMPDIR reports whether the user asked, with USE_TMPDIR, that TMPDIR
// itself be used for exchange directories, as run-nixos-vm does.
func (h Host) KeepsTMPDIR() bool {
	return h.Env("USE_TMPDIR") != "" && h.Env("TMPDIR") != ""
}

// RootLabel is the file system label of the root disk, by which a NixOS VM
// finds it (qemu-vm.nix, rootFilesystemLabel).
const RootLabel = "nixos"

// Image is what a root disk is made as.
type Image struct {
	Size  int64  // in bytes
	Label string // of its ext4 file system; "" for an empty image
}

// RootImage returns what the root disk of a VM with these settings is made as.
func RootImage(v bootdoc.Virtualisation) Image {
	image := Image{Size: int64(v.DiskSize) << 20}
	if v.UseDefaultFilesystems {
		image.Label = RootLabel
	}
	return image
}
