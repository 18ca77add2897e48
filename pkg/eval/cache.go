package eval

import (
	"os"
	"path/filepath"
	"syscall"
)

// openCache makes the cache directory, whose path is known, and in it a directory for temporary
// files that is locked as long as the process lives. It removes those whose
// process is gone. The returned function removes this one.
func (e *evaluation) openCache() (closeCache func(), err error) {
	parent := filepath.Join(e.cache, "tmp")
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	if e.cache, err = filepath.EvalSymlinks(e.cache); err != nil {
		return nil, err
	}
	all, err := lock(parent, 0) // from here on nobody takes a new directory for an old one
	if err != nil {
		return nil, err
	}
	defer all.Close()
	sweep(parent)
	if e.temp, err = os.MkdirTemp(filepath.Join(e.cache, "tmp"), "eval-"); err != nil {
		return nil, err
	}
	own, err := lock(e.temp, 0)
	if err != nil {
		return nil, err
	}
	return func() {
		os.RemoveAll(e.temp)
		own.Close()
	}, nil
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
