package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// temporary is an image in the making: a file beside its target that nobody
// else can open. Whoever writes it holds a lock on it, which ends with the
// process: what can be locked was left behind by a kill.
type temporary struct {
	*os.File
	renamed bool
}

// prefix is how the names of the temporaries of path begin; digits follow.
func prefix(path string) string { return "." + filepath.Base(path) + ".nixvf-" }

// newTemporary creates and locks a temporary for path.
func newTemporary(path string) (*temporary, error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), prefix(path)+"*")
		if err != nil {
			return nil, cause(err)
		}
		// Between the two calls another process can take it for a leftover.
		if err := lock(f); !errors.Is(err, unix.EWOULDBLOCK) && inPlace(f) {
			return &temporary{File: f}, nil
		}
		f.Close()
	}
}

// lock takes the lock on f if nobody has it. Where a file system knows no
// locks this fails for all, so nothing there is ever taken for a leftover.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// inPlace reports whether f still has its name.
func inPlace(f *os.File) bool {
	named, err := os.Lstat(f.Name())
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}

// discard closes the temporary and removes its name if it still has it.
func (t *temporary) discard() {
	if !t.renamed {
		os.Remove(t.Name())
	}
	t.Close()
}

// place gives the temporary its final name unless that is taken.
func (t *temporary) place(path string) error {
	err := renameExclusive(t.Name(), path)
	t.renamed = err == nil
	if unsupported(err) {
		err = t.link(path)
	}
	if errors.Is(err, fs.ErrExist) {
		if err := checkAbsent(path); err != nil {
			return err
		}
		return fs.ErrExist
	}
	if err != nil {
		return cause(err)
	}
	t.Close() // and with it the lock, which could be in the way of a VM
	flushDir(filepath.Dir(path))
	return nil
}

// link is for file systems that cannot rename without replacing: the image
// then has two names until the temporary is discarded.
func (t *temporary) link(path string) error {
	err := os.Link(t.Name(), path)
	if unsupported(err) {
		return fmt.Errorf("the file system can neither rename without replacing nor link: %w", cause(err))
	}
	return err
}

// unsupported reports whether err means that the file system cannot do it.
func unsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)
}

// flushDir makes the new name last. The image is whole by now and at its
// place, so a directory that cannot be flushed is no error.
func flushDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// Sweep removes what those left in a directory who were killed while they made an
// image there.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		hidden, dot := strings.CutPrefix(entry.Name(), ".")
		if i := strings.LastIndex(hidden, ".nixvf-"); dot && i > 0 {
			sweep(filepath.Join(dir, hidden[:i]))
		}
	}
}

// sweep removes the temporaries of path that no living process owns.
func sweep(path string) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	target, _ := os.Lstat(path)
	for _, entry := range entries {
		digits, ok := strings.CutPrefix(entry.Name(), prefix(path))
		if ok && entry.Type().IsRegular() && strings.Trim(digits, "0123456789") == "" {
			removeStale(filepath.Join(dir, entry.Name()), target)
		}
	}
}

// removeStale removes the temporary called name if nobody owns it. A kill
// after link leaves a second name of target, the image itself: that
// one goes without a lock, which could be in the way of a VM.
func removeStale(name string, target os.FileInfo) {
	info, err := os.Lstat(name)
	if err != nil {
		return
	}
	if target != nil && os.SameFile(info, target) {
		os.Remove(name)
		return
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f) == nil && inPlace(f) {
		os.Remove(name)
	}
}
