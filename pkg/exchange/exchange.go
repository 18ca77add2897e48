// Package exchange owns what the host puts into a directory that a guest may
// write to. Root in the guest is an attacker there: it can replace any name by a
// link to any file of the host. So this package follows no name out of the
// directory, and writes to no existing file.
//
// It runs nix-store through package nix, and writes nothing else.
package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// registration is the name under which nixvf-refresh in the guest looks for what
// the host's Nix knows of store paths (pkg/nixos/refresh.sh).
const registration = "registration"

// HandOver leaves what Nix knows of the closures of paths, which are store paths
// or links to them, in the exchange directory of a VM that runs.
func HandOver(ctx context.Context, vm place.VM, n *nix.Nix, paths []string) error {
	var absolute []string
	for _, path := range paths {
		path, err := filepath.Abs(path) // which begins with no "-"
		if err != nil {
			return err
		}
		absolute = append(absolute, path)
	}
	dir := filepath.Join(vm.Run(), "xchg")
	shared := func(err error) error {
		return fault.Hint(fmt.Errorf("%s: %w", vm.ID, err), "the VM has to run, with a share of %s", dir)
	}
	if _, err := os.Lstat(dir); err != nil {
		return shared(err)
	}
	if storeimage.Kept(vm) {
		err := fmt.Errorf("%s: the guest's store is an image, and new paths cannot appear in it", vm.ID)
		return fault.Hint(err, "add them to virtualisation.additionalPaths, and start the VM again")
	}
	closure, err := n.Closure(ctx, absolute)
	if err != nil {
		return err
	}
	data, err := n.Registration(ctx, closure)
	if err != nil {
		return err
	}
	if err := Put(dir, registration, data); err != nil {
		return shared(err)
	}
	return nil
}

// Put puts a file into a directory, in the place of whatever has its name there.
func Put(dir, name string, data []byte) error {
	if info, err := os.Lstat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	fresh := "." + name + "-" + rand.Text()
	f, err := root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(fresh, name) // a link is replaced, and not followed
	}
	if err != nil {
		err = errors.Join(err, root.Remove(fresh))
	}
	return err
}
