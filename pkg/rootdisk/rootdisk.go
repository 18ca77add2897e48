// Package rootdisk owns what nixvf-disk does beyond making an image. It finds in
// a boot document which root disk the VM needs, makes it only if there is none,
// and grows it only while no VM uses it.
package rootdisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

// Root is a VM's root disk: where it is and what it is when it is made.
type Root struct {
	Path string // absolute; "" when the VM has no disk
	Spec disk.Spec
	home string // state directory of the VM, which may have to be made
}

// Of returns the root disk of the VM that doc describes. id overrides the
// document's. The warnings are those of [place.Host.Disk].
func Of(doc *bootdoc.Document, host place.Host, id string) (Root, []string, error) {
	vm, err := host.VM(id, doc.ID, doc.Name)
	if err != nil {
		return Root{}, nil, err
	}
	v := doc.Virtualisation
	path, warnings, err := host.Disk(vm, v.DiskImage, "")
	image := place.RootImage(v)
	spec := disk.Spec{Size: image.Size, Format: disk.None}
	if image.Label != "" {
		spec.Format, spec.Label = disk.Ext4, image.Label
	}
	return Root{Path: path, Spec: spec, home: vm.Dir}, warnings, err
}

// Ensure makes the disk if nothing is at its path, and reports whether it did.
// An image that is there is not touched, whatever it holds.
func (r Root) Ensure(ctx context.Context) (created bool, err error) {
	if r.Path == "" {
		return false, nil
	}
	if filepath.Dir(r.Path) == r.home {
		if err := os.MkdirAll(r.home, 0o700); err != nil {
			return false, fmt.Errorf("state directory: %w", err)
		}
	}
	err = disk.Create(ctx, r.Path, r.Spec)
	if errors.Is(err, fs.ErrExist) && isImage(r.Path) {
		return false, nil
	}
	return err == nil, err
}

// isImage reports whether something that is there can be a VM's disk.
func isImage(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Grow enlarges the image at path to size bytes, as [disk.Grow] does, unless a
// VM of this user's runs on it.
func Grow(ctx context.Context, host place.Host, path string, size int64) (err error) {
	dir, err := host.DiskLocks()
	if err != nil {
		return err
	}
	l, err := lock.Image(dir, path)
	var held *lock.HeldError
	if errors.As(err, &held) {
		return fmt.Errorf("grow %s: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("grow: %w", err)
	}
	defer func() { err = errors.Join(err, l.Remove()) }()
	return disk.Grow(ctx, path, size)
}
