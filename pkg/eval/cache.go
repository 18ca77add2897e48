package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// openTemp makes a directory for temporary files in the cache, e.temp, unless it
// has been made. It is locked as long as the process lives; those whose process
// is gone are removed.
func (e *evaluation) openTemp() error {
	if e.temp != "" {
		return nil
	}
	parent := e.tempParent()
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	parent, err := filepath.EvalSymlinks(parent)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	if !plain(parent) {
		return e.openPlainTemp()
	}
	all, err := lock(parent, 0) // from here on nobody takes a new directory for an old one
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	defer all.Close()
	sweep(parent)
	if e.temp, err = os.MkdirTemp(parent, "eval-"); err == nil {
		e.tempLock, err = lock(e.temp, 0)
	}
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}

// plain reports whether a path means the same in a flake's reference: older Nix
// decodes "%", and refuses blanks and what is not ASCII.
func plain(path string) bool {
	return !strings.ContainsFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._+-", r))
	})
}

// openPlainTemp is openTemp for a cache whose path is not plain.
func (e *evaluation) openPlainTemp() error {
	parent, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil || !plain(parent) {
		parent, err = filepath.EvalSymlinks("/tmp")
	}
	if err == nil {
		e.temp, err = os.MkdirTemp(parent, "nixvf-eval-")
	}
	if err == nil {
		e.tempLock, err = lock(e.temp, 0)
	}
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	return nil
}

func (e *evaluation) tempParent() string { return filepath.Join(e.cache, "tmp") }

// clean removes what killed processes have left, if there may be such.
func (e *evaluation) clean() error {
	if left, err := os.ReadDir(e.tempParent()); err != nil || len(left) == 0 {
		return nil
	}
	return e.openTemp()
}

// closeTemp removes the directory for temporary files.
func (e *evaluation) closeTemp() {
	if e.temp != "" {
		os.RemoveAll(e.temp)
	}
	if e.tempLock != nil {
		e.tempLock.Close()
	}
}

// sweep removes the directories in parent that no process has locked. One that
// cannot be removed does no harm.
func sweep(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		dir := filepath.Join(parent, entry.Name())
		if own, err := lock(dir, syscall.LOCK_NB); err == nil {
			os.RemoveAll(dir)
			own.Close()
		}
	}
}

// lock opens a directory and locks it until it is closed, or the process ends.
func lock(dir string, flags int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|flags); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
