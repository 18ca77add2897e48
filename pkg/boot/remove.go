package boot

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
)

// Remove removes the state directory of a VM of the user uid that does not run,
// with all that is in it, and the place of its sockets. disks is the directory of
// the locks on disks: an image that another VM runs on is not removed.
func Remove(vm place.VM, disks string, uid int) (err error) {
	if info, err := os.Lstat(vm.Dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: a link, not the VM's directory", vm.Dir)
	}
	l, err := lock.Take(vm.Lock())
	var held *lock.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("%s is running, as %s", vm.ID, held.Owner())
	case errors.Is(err, fs.ErrNotExist): // no directory
		return nil
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := checkUnusedDisks(vm, disks); err != nil {
		return err
	}
	return removeState(vm, uid)
}

// checkUnusedDisks returns an error for an image in a VM's directory on which a VM runs.
func checkUnusedDisks(vm place.VM, disks string) error {
	entries, err := os.ReadDir(vm.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(vm.Dir, e.Name())
		held, err := lock.LookImage(disks, path)
		if err != nil {
			return err
		}
		if held != nil {
			return fmt.Errorf("disk %s: %w", path, held)
		}
	}
	return nil
}

// removeState is Remove for one who has the VM's lock. The directory loses its
// name first: nobody sees a part of it, and if this process is killed, a later
// start removes the rest.
func removeState(vm place.VM, uid int) error {
	aside := filepath.Join(filepath.Dir(vm.Dir), passing+rand.Text())
	return errors.Join(sockets.Forget(vm, uid), os.Rename(vm.Dir, aside), removeTree(aside))
}

// removeTree removes a directory with all that is in it, or a single file. A
// guest may have written it: directories can be unreadable, links can lead
// anywhere, and the tree can be deeper than any path is long. No link is
// followed, and what is below the second level is moved up first.
func removeTree(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return os.Remove(path)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	err = tree{root}.empty(".", tree.removeEntry)
	root.Close()
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// tree is a directory that is removed.
type tree struct{ *os.Root }

// empty calls remove for what is in a directory until there is nothing left.
func (t tree) empty(dir string, remove func(t tree, path string, isDir bool) error) error {
	for {
		entries, err := t.some(dir)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if err := remove(t, filepath.Join(dir, e.Name()), e.IsDir()); err != nil {
				return err
			}
		}
	}
}

// some returns some of what is in a directory, nothing when it is empty.
func (t tree) some(dir string) ([]fs.DirEntry, error) {
	f, err := t.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(1024)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}

// removeEntry removes what is at the top of the tree.
func (t tree) removeEntry(path string, isDir bool) error {
	if isDir {
		if err := t.Chmod(path, 0o700); err != nil {
			return err
		}
		if err := t.empty(path, tree.raise); err != nil {
			return err
		}
	}
	return t.Remove(path)
}

// raise removes a file, and moves a directory to the top of the tree. To do
// that, its own mode must allow it to be written (rename(2), EACCES).
func (t tree) raise(path string, isDir bool) error {
	if !isDir {
		return t.Remove(path)
	}
	if err := t.Chmod(path, 0o700); err != nil {
		return err
	}
	return t.Rename(path, rand.Text())
}

// clear makes room for a directory of a run: what lies there is of an earlier
// one. It goes, and what cannot go is moved aside, so that no guest and nobody
// else can keep the VM from starting.
func (m *machine) clear(path string) error {
	removeAside(path)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !(info.IsDir() && ownedBy(info, m.UID)) {
		err = errors.New("this user does not own it as a directory")
	}
	if err == nil {
		err = removeTree(path)
	}
	if err == nil {
		return nil
	}
	aside := path + asideMark + rand.Text()
	if failed := os.Rename(path, aside); failed != nil {
		return errors.Join(err, failed)
	}
	m.Warn("what an earlier run left cannot be removed; it is in %s now: %v", aside, err)
	return nil
}

// asideMark stands between the name of a directory and the rest of the name of
// one that was moved aside.
const asideMark = ".left-"

// removeAside tries again to remove what was moved aside.
func removeAside(path string) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+asideMark
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			_ = removeTree(filepath.Join(dir, e.Name()))
		}
	}
}
