package storeimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

// Ensure makes the image of everything that roots need at path, unless there is
// one. It makes path's directory.
func Ensure(ctx context.Context, path string, roots []string) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		_ = os.Chtimes(path, time.Time{}, time.Now()) // it is in use; another user's can be, too
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store image: %w", err)
	}
	var said strings.Builder
	n, err := nix.Find(ctx, nix.Log{Stderr: &said}, cache.Cache{}, nil)
	if err != nil {
		return err
	}
	spec, err := Closure(ctx, n, roots)
	if err == nil {
		err = Create(ctx, path, spec)
	}
	if errors.Is(err, fs.ErrExist) { // another VM was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("store image: %w", err)
	}
	return nil
}

// Keep names the image at path as the one that a VM needs, in the place of the one
// before it. The VM's state directory must exist.
func Keep(vm place.VM, path string) error {
	link := vm.StoreImage()
	if at, err := os.Readlink(link); err == nil && at == path {
		return nil
	}
	fresh := link + ".new"
	os.Remove(fresh)
	return errors.Join(os.Symlink(path, fresh), os.Rename(fresh, link))
}

// Kept reports whether a VM needs an image: then its guest sees that and not the
// host's store.
func Kept(vm place.VM) bool {
	_, err := os.Lstat(vm.StoreImage())
	return err == nil
}

// Drop says that a VM needs no image any more.
func Drop(vm place.VM) error {
	err := os.Remove(vm.StoreImage())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Prune removes the images in the cache that no VM needs: that none was started
// with last, on which none runs, and that nobody has used for so long. It returns
// what it has removed.
func Prune(host place.Host, unused time.Duration) ([]string, error) {
	dir, err := host.StoreImages()
	if err != nil {
		return nil, err
	}
	needed, locks, err := keepers(host)
	if err != nil {
		return nil, err
	}
	disk.Sweep(dir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var removed []string
	for _, entry := range entries {
		image := filepath.Join(dir, entry.Name())
		if filepath.Ext(image) != ".img" {
			continue
		}
		info, missing := os.Lstat(image)
		if missing != nil || needed[image] || time.Since(info.ModTime()) < unused {
			continue
		}
		gone, failed := remove(locks, image)
		if gone {
			removed = append(removed, image)
		}
		err = errors.Join(err, failed)
	}
	return removed, err
}

// keepers returns the images that VMs were started with last, and the directory of
// the locks.
func keepers(host place.Host) (needed map[string]bool, locks string, err error) {
	state, err := host.State()
	if err != nil {
		return nil, "", err
	}
	locks, err = host.DiskLocks()
	needed = map[string]bool{}
	vms, _ := os.ReadDir(state) // without a VM there is none
	for _, vm := range vms {
		if at, err := os.Readlink(place.VM{Dir: filepath.Join(state, vm.Name())}.StoreImage()); err == nil {
			needed[at] = true
		}
	}
	return needed, locks, err
}

// remove removes an image on which no VM runs.
func remove(locks, image string) (bool, error) {
	l, err := lock.TryImage(locks, image)
	var held *lock.HeldError
	if errors.As(err, &held) || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = os.Remove(image)
	return err == nil, errors.Join(err, l.Remove())
}

// stamp is the file in the cache that says when it was pruned last.
const stamp = ".pruned"

// PruneDaily prunes the cache, but not more than once a day, of what nobody has
// used for a day. What it cannot remove it will meet again.
func PruneDaily(host place.Host) {
	const day = 24 * time.Hour
	dir, err := host.StoreImages()
	if err != nil {
		return
	}
	mark := filepath.Join(dir, stamp)
	if info, err := os.Stat(mark); err == nil && time.Since(info.ModTime()) < day {
		return
	}
	if os.WriteFile(mark, nil, 0o600) == nil && os.Chtimes(mark, time.Now(), time.Now()) == nil {
		_, _ = Prune(host, day)
	}
}
