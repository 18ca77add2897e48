package eval

import (
	"os"
	"path/filepath"
	"time"
)

// stale is the age at which a temporary directory belongs to no running
// nixvf-eval any more, even if it waits for a long build: it uses the directory
// before and after, for moments.
const stale = 24 * time.Hour

// openCache makes the cache directory, and in it a directory for temporary
// files, and clears what killed runs left there.
func (e *evaluation) openCache() error {
	cache, err := e.Host.Cache()
	if err != nil {
		return err
	}
	parent := filepath.Join(cache, "tmp")
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	if e.cache, err = filepath.EvalSymlinks(cache); err != nil {
		return err
	}
	sweep(parent)
	e.temp, err = os.MkdirTemp(filepath.Join(e.cache, "tmp"), "eval-")
	return err
}

// sweep removes stale directories. One that cannot be removed does no harm.
func sweep(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > stale {
			os.RemoveAll(filepath.Join(parent, entry.Name()))
		}
	}
}
