package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/sockets"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// made remembers what this run created and has to remove, in order.
type made struct {
	entries []entry
	tree    []func() error // which remove directories of our own, last
}

type entry struct {
	path string
	info fs.FileInfo // to know it again
}

// prepare clears what an earlier run left behind, and makes what the document
// names. What it returns must be undone, also after an error.
func (m *machine) prepare(ctx context.Context) (*made, error) {
	done := &made{}
	if err := m.freshDirectory(m.place.Run()); err != nil {
		return done, err
	}
	done.tree = append(done.tree, func() error { return removeTree(m.place.Run()) })
	if err := sockets.Make(m.place, m.sockets, m.UID); err != nil {
		return done, fmt.Errorf("sockets: %w", err)
	}
	done.tree = append(done.tree, func() error { return sockets.Remove(m.place, m.sockets) })
	var errs []error
	for _, d := range m.doc.Directories {
		errs = append(errs, done.directory(d))
	}
	for _, f := range m.doc.Files {
		errs = append(errs, copyFile(f))
	}
	errs = append(errs, m.makeKeys(), m.keepBoot())
	for _, d := range m.doc.Disks {
		errs = append(errs, done.disk(ctx, d))
	}
	if len(m.doc.Images) == 0 {
		errs = append(errs, storeimage.Drop(m.place))
	}
	for _, i := range m.doc.Images {
		errs = append(errs, m.storeImage(ctx, i))
	}
	return done, errors.Join(errs...)
}

// freshDirectory makes an empty directory of mode 0700. What lies there is from
// a run that was killed, since we have the lock.
func (m *machine) freshDirectory(path string) error {
	if err := m.clear(path); err != nil {
		return fmt.Errorf("removing what an earlier run left: %w", err)
	}
	return os.Mkdir(path, 0o700)
}

func (l *made) directory(d launchdoc.Directory) error {
	if !d.Temporary {
		if err := os.MkdirAll(d.Path, 0o700); err != nil {
			return fmt.Errorf("directory: %w", err)
		}
		return nil
	}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	return l.remember(d.Path)
}

// disk makes an image that is missing. An existing one is used as it is,
// unless it should be temporary.
func (l *made) disk(ctx context.Context, d launchdoc.Disk) error {
	format := disk.Ext4
	if d.Format == launchdoc.FormatNone {
		format = disk.None
	}
	err := disk.Create(ctx, d.Path, disk.Spec{Size: d.Size, Format: format, Label: d.FSLabel})
	switch {
	case errors.Is(err, fs.ErrExist) && !d.Temporary:
		return nil
	case err != nil:
		return fault.Each("disk", err)
	case d.Temporary:
		return l.remember(d.Path)
	}
	return nil
}

// storeImage makes an image of store paths that is missing, and names it in the VM's
// state, which keeps it.
func (m *machine) storeImage(ctx context.Context, i launchdoc.Image) error {
	return errors.Join(storeimage.Ensure(ctx, i.Path, i.Closure), storeimage.Keep(m.place, i.Path))
}

// copyFile copies a file to a place where there is none.
func copyFile(f launchdoc.File) error {
	from, err := openRegular(f.From)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	defer from.Close()
	to, err := os.OpenFile(f.To, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		os.Remove(f.To)
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

func (l *made) remember(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	l.entries = append(l.entries, entry{path, info})
	return nil
}

// undo removes what was made to be temporary, and only if it still is what was
// made.
func (l *made) undo() error {
	var errs []error
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := l.entries[i]
		info, err := os.Lstat(e.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case !os.SameFile(info, e.info):
			errs = append(errs, fmt.Errorf("%s: replaced while the VM ran, left as it is", e.path))
		default:
			errs = append(errs, removeTree(e.path))
		}
	}
	for _, remove := range l.tree {
		errs = append(errs, remove())
	}
	return errors.Join(errs...)
}

// keepBoot writes down what the VM is made for: a running one is compared with that
// when its configuration has changed.
func (m *machine) keepBoot() error {
	if m.doc.Boot == nil {
		return nil
	}
	return os.WriteFile(m.place.Booted(), m.doc.Boot, 0o600)
}
