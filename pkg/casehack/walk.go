package casehack

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/charlievieth/fastwalk"
)

// walk returns the mangled names in a store path, in the order of a list. It
// follows no symbolic link.
func walk(ctx context.Context, store, name string) ([]Name, error) {
	root := filepath.Join(store, name)
	info, err := os.Lstat(root)
	if err != nil || !info.IsDir() {
		return nil, err
	}
	var mutex sync.Mutex
	var found []string // what looks mangled
	// Within a store path, too, several directories are read at a time.
	err = fastwalk.Walk(&fastwalk.Config{}, root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = ctx.Err()
		}
		if err == nil && strings.Contains(entry.Name(), infix) && path != root {
			mutex.Lock()
			defer mutex.Unlock()
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resolve(store, found)
}

// resolve returns those of the paths that are mangled, with their real names.
func resolve(store string, paths []string) ([]Name, error) {
	byDir := map[string][]string{}
	for _, path := range paths {
		byDir[filepath.Dir(path)] = append(byDir[filepath.Dir(path)], filepath.Base(path))
	}
	var names []Name
	for dir, bases := range byDir {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		in, err := filepath.Rel(store, dir)
		if err != nil {
			return nil, err
		}
		for _, base := range bases {
			if real := RealName(entries, base); real != base {
				names = append(names, Name{in + "/" + base, in + "/" + real})
			}
		}
	}
	slices.SortFunc(names, compare)
	return realParents(names), nil
}

// RealName returns the real name of what a directory with these entries stores
// under the name base: another one, if that is mangled.
func RealName(entries []fs.DirEntry, base string) string {
	if real, ok := demangle(base); ok && collides(entries, base, real) {
		return real
	}
	return base
}

// collides reports whether Nix had to store real under the name base in a
// directory: nothing else there is called real, and something differs from it in
// case only. What merely looks mangled does not collide.
func collides(entries []fs.DirEntry, base, real string) bool {
	sibling := false
	for _, entry := range entries {
		other, mangled := demangle(entry.Name())
		if entry.Name() == real || mangled && other == real && entry.Name() != base {
			return false
		}
		sibling = sibling || strings.EqualFold(entry.Name(), real)
	}
	return sibling
}

// realParents puts the real names of mangled directories into the real paths of
// what is in them. A directory comes before what is in it.
func realParents(names []Name) []Name {
	realDir := map[string]string{} // by stored path
	for i, name := range names {
		for dir := filepath.Dir(name.Stored); dir != "."; dir = filepath.Dir(dir) {
			if real, mangled := realDir[dir]; mangled {
				names[i].Real = real + strings.TrimPrefix(name.Real, dir)
				break
			}
		}
		realDir[name.Stored] = names[i].Real
	}
	return names
}
