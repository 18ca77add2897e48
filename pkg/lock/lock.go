// Package lock owns the locks that say who is using what: files that hold the
// owner's process id and are locked by flock(2) for as long as the owner, or a
// process that inherited the lock from it, lives.
//
// A disk image is locked by a file that is named after it, never itself: macOS
// locks the images of running VMs, and a lock of ours would be in the way. This
// package imports nothing of nixvf.
package lock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lock is a lock that this process holds. It holds for as long as the file, or
// a copy that another process inherited, is open.
type Lock struct{ *os.File }

// HeldError says that somebody else has the lock.
type HeldError struct {
	Owner string // process id, or "(unknown)"
}

func (e *HeldError) Error() string { return "in use by process " + e.Owner }

// Take takes the lock that is the file at path, which it makes if need be; the
// directory must exist. If somebody has it, the error is a [*HeldError].
func Take(path string) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		l := &Lock{f}
		if err := l.take(); err != nil {
			f.Close()
			return nil, err
		}
		// Between the two calls its last owner may have removed it.
		if l.inPlace() {
			return l, nil
		}
		f.Close()
	}
}

// Image takes the lock on the disk image at path. Locks of images lie in dir,
// which it makes if need be. They are named by device and inode, so that an
// image has one lock whatever path leads to it.
func Image(dir, path string) (*Lock, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return Take(filepath.Join(dir, fmt.Sprintf("%x-%x", stat.Dev, stat.Ino)))
}

// Inherit lets a program that replaces this one have the lock.
func (l *Lock) Inherit() error {
	_, err := unix.FcntlInt(l.Fd(), unix.F_SETFD, 0)
	return err
}

// Remove gives up the lock and removes its file. No other process may have
// inherited it.
func (l *Lock) Remove() error {
	return errors.Join(os.Remove(l.Name()), l.Close())
}

func (l *Lock) take() error {
	err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &HeldError{Owner: l.owner()}
	}
	if err == nil {
		err = l.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(l, "%d\n", os.Getpid())
	}
	return err
}

// owner returns what the lock's holder wrote into it.
func (l *Lock) owner() string {
	pid, err := io.ReadAll(io.LimitReader(l, 32))
	if text := strings.TrimSpace(string(pid)); err == nil && text != "" {
		return text
	}
	return "(unknown)"
}

// inPlace reports whether the file still has its name.
func (l *Lock) inPlace() bool {
	named, err := os.Lstat(l.Name())
	if err != nil {
		return false
	}
	opened, err := l.Stat()
	return err == nil && os.SameFile(named, opened)
}
