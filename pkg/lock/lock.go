// Package lock owns the locks that say who uses what. A lock is a file that holds
// its owner's identity. flock(2) keeps it locked as long as the owner lives, or a
// process that inherited the lock. The content of an unlocked file means nothing.
//
// The lock of a disk image is a file named after the image, not the image itself:
// macOS locks the images of running VMs, and our lock would conflict with that.
package lock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/identity"
)

// Lock is a lock that this process holds. It holds for as long as the file, or
// a copy that another process inherited, is open.
type Lock struct{ *os.File }

// HeldError says that somebody else has the lock.
type HeldError struct {
	PID     int    // of the process that took it, 0 when that is not known
	Process string // the same, told apart from a later process with that id: what [Self] returned to it
	Gone    bool   // that process has ended, and one that inherited the lock has it
}

// Owner says who has the lock. A process id is named as the owner's only while
// it is: by now another process may have it.
func (e *HeldError) Owner() string {
	switch {
	case e.PID == 0:
		return "an unknown process"
	case e.Gone:
		return fmt.Sprintf("what process %d left behind when it ended", e.PID)
	}
	return fmt.Sprintf("process %d", e.PID)
}

func (e *HeldError) Error() string { return "in use by " + e.Owner() }

// Heirs of an owner that was killed are often being killed as well: a VMM whose
// memory the kernel has not taken back yet has its lock still. So long somebody
// who wants it waits, and this often looks again.
const (
	heirs = 2 * time.Second
	again = 20 * time.Millisecond
)

// Take takes the lock that is the file at path, which it makes if need be; the
// directory must exist. If somebody has it, the error is a [*HeldError]. Where
// the owner has ended, it waits up to two seconds for what that left behind; and
// where none is known, for one who only looks.
func Take(path string) (*Lock, error) {
	for deadline := time.Now().Add(heirs); ; time.Sleep(again) {
		l, err := tryTake(path)
		var held *HeldError
		if errors.As(err, &held) && (held.Gone || held.PID == 0) && time.Now().Before(deadline) {
			continue
		}
		return l, err
	}
}

// Look returns who has the lock at path, nil when nobody has it. It tries the
// lock for a moment, which [Take] waits out.
func Look(path string) (*HeldError, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return (&Lock{f}).held(), nil
	}
	return nil, err
}

// tryTake is Take without patience.
func tryTake(path string) (*Lock, error) { return try(path, (*Lock).take) }

// try opens the lock at path and takes it, in whatever way.
func try(path string, take func(*Lock) error) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		l := &Lock{f}
		if err := take(l); err != nil {
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
	name, err := lockOf(dir, path)
	if err != nil {
		return nil, err
	}
	return Take(name)
}

// lockOf returns the file that is the lock of the image at path, in a directory
// that exists then.
func lockOf(dir, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, imageLock(info)), os.MkdirAll(dir, 0o700)
}

// TryImage is [Image] without patience: it waits for nobody.
func TryImage(dir, path string) (*Lock, error) {
	name, err := lockOf(dir, path)
	if err != nil {
		return nil, err
	}
	return tryTake(name)
}

// ShareImage takes the lock on the image at path that [Image] takes, but together
// with others who share it. It waits up to two seconds for an owner who does not.
func ShareImage(dir, path string) (*Lock, error) {
	name, err := lockOf(dir, path)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(heirs); ; time.Sleep(again) {
		l, err := try(name, (*Lock).share)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return l, err
		}
		if time.Now().After(deadline) {
			return nil, &HeldError{}
		}
	}
}

func (l *Lock) share() error { return unix.Flock(int(l.Fd()), unix.LOCK_SH|unix.LOCK_NB) }

// Unshare gives up a shared lock. The last one who does removes its file.
func (l *Lock) Unshare() error {
	if unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return l.Remove()
	}
	return l.Close()
}

// Self is how this process calls itself in a lock that it takes.
func Self() (string, error) {
	self, err := identity.Of(os.Getpid())
	return self.String(), err
}

// LookImage is [Look] for the lock on the disk image at path, which lies in dir.
func LookImage(dir, path string) (*HeldError, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return Look(filepath.Join(dir, imageLock(info)))
}

// imageLock is the name of an image's lock.
func imageLock(info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%x-%x", stat.Dev, stat.Ino)
}

// Release gives up the lock. Its file stays, and names nobody any more.
func (l *Lock) Release() error { return errors.Join(l.Truncate(0), l.Close()) }

// Remove gives up the lock and removes its file. No other process may have
// inherited it.
func (l *Lock) Remove() error {
	return errors.Join(os.Remove(l.Name()), l.Close())
}

func (l *Lock) take() error {
	err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return l.held()
	}
	if err != nil {
		return err
	}
	self, err := identity.Of(os.Getpid())
	if err == nil {
		err = l.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(l, self)
	}
	return err
}

// held is the error about whoever wrote into the lock.
func (l *Lock) held() *HeldError {
	text, _ := io.ReadAll(io.LimitReader(l, 256)) // what cannot be read tells nothing
	owner, err := identity.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return &HeldError{}
	}
	return &HeldError{PID: owner.PID, Process: owner.String(), Gone: !owner.Alive()}
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
