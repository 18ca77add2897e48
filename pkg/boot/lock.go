package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/nixvf/nixvf/pkg/lock"
)

// locks are what this VM holds while it runs: its own lock, and those of its
// disks. The VMM inherits them, so they hold for as long as it lives, whatever
// becomes of us.
type locks struct {
	vm     *lock.Lock
	disks  []*lock.Lock
	stores []*lock.Lock // of images that other VMs have too
	remove func() error // removes the VM's state, if that goes with the locks
}

// takeLock makes this process the one that runs the VM.
func (m *machine) takeLock() (*locks, error) {
	if m.doc.Ephemeral {
		l, err := ephemeral(m.place)
		if err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
		return &locks{vm: l, remove: func() error { return removeState(m.place, m.UID) }}, nil
	}
	l, err := m.takeOwn()
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 10; try++ { // somebody removes the VM just now
		l, err = m.takeOwn()
	}
	var held *lock.HeldError
	switch {
	case errors.As(err, &held):
		return nil, fmt.Errorf("%s is running already, as %s", m.place.ID, held.Owner())
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	}
	return &locks{vm: l}, nil
}

// takeOwn takes the lock in a state directory that it makes if need be.
func (m *machine) takeOwn() (*lock.Lock, error) {
	if err := os.MkdirAll(m.place.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return lock.Take(m.place.Lock())
}

// takeDisks locks the VM's disks, which exist by now. Temporary ones nobody
// else can have, and of those that are only read there can be many users.
func (m *machine) takeDisks(l *locks) error {
	dir, err := m.Host.DiskLocks()
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range m.images() {
		if d.ReadOnly || m.temporary(d.ImagePath) {
			continue
		}
		disk, err := lock.Image(dir, d.ImagePath)
		if err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", d.ImagePath, err))
			continue
		}
		l.disks = append(l.disks, disk)
	}
	for _, i := range m.doc.Images {
		store, err := lock.ShareImage(dir, i.Path)
		if err != nil {
			errs = append(errs, fmt.Errorf("store image %s: %w", i.Path, err))
			continue
		}
		l.stores = append(l.stores, store)
	}
	return errors.Join(errs...)
}

// files returns the locks as files to be inherited.
func (l *locks) files() []*os.File {
	files := []*os.File{l.vm.File}
	for _, d := range slices.Concat(l.disks, l.stores) {
		files = append(files, d.File)
	}
	return files
}

// release ends the locks of a VM that has ended. Its own file stays, if its state
// directory does.
func (l *locks) release() error {
	var errs []error
	for _, d := range l.disks {
		errs = append(errs, d.Remove())
	}
	for _, s := range l.stores {
		errs = append(errs, s.Unshare())
	}
	if l.remove != nil {
		errs = append(errs, l.remove())
	}
	return errors.Join(append(errs, l.vm.Release())...)
}
