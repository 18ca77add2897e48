// Package casehack finds the file names that Nix's case hack has changed, and
// lists them for a guest, which changes them back. Some file systems ignore case;
// on macOS that is the default. If names there differ only in case, Nix stores the
// first as it is and the others as NAME~nix~case~hack~N (setting use-case-hack;
// src/libutil/archive.cc). A guest on the shared store sees the changed names.
//
// The package owns the format of the list and the cache of store paths. The
// guest's part is a script in package nixos. It changes nothing in the store.
package casehack

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// infix is what the case hack puts between a name and a number.
const infix = "~nix~case~hack~"

// Name is a file, directory or link that the host stores under a mangled name.
// Both paths are relative to the store's directory, as in "HASH-NAME/share/x".
type Name struct {
	Stored string // on the host
	Real   string // in the store path as Nix knows it, all directories included
}

// StorePath returns the name of the store path that n lies in.
func (n Name) StorePath() string {
	name, _, _ := strings.Cut(n.Stored, "/")
	return name
}

// demangle returns the real name for a mangled one.
func demangle(name string) (string, bool) {
	real, number, found := strings.Cut(name, infix)
	return real, found && real != "" && number != "" && strings.Trim(number, "0123456789") == ""
}

// compare orders names so that a directory comes before what is in it.
func compare(a, b Name) int {
	return slices.Compare(strings.Split(a.Stored, "/"), strings.Split(b.Stored, "/"))
}

// separator stands between the paths of a line. A path has no such thing in it.
const separator = "//"

// Format returns names as a list: a line STORED//REAL for each, a directory's
// before those of what is in it. It is empty without names. A path with a line
// break cannot be in a list.
func Format(names []Name) []byte {
	var list bytes.Buffer
	for _, name := range slices.SortedFunc(slices.Values(names), compare) {
		fmt.Fprintf(&list, "%s%s%s\n", name.Stored, separator, name.Real)
	}
	return list.Bytes()
}

// Parse reads what [Format] has written.
func Parse(list []byte) ([]Name, error) {
	var names []Name
	for number := 1; len(list) > 0; number++ {
		line, rest, whole := bytes.Cut(list, []byte("\n"))
		stored, real, found := strings.Cut(string(line), separator)
		name := Name{stored, real}
		if !whole || !found {
			return nil, fmt.Errorf("line %d is not STORED//REAL", number)
		}
		if err := name.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(names) > 0 && compare(names[len(names)-1], name) >= 0 {
			return nil, fmt.Errorf("line %d: not in order", number)
		}
		names, list = append(names, name), rest
	}
	return names, nil
}

// check returns an error for a name that cannot be a mangled one in a store path.
func (n Name) check() error {
	stored, real := strings.Split(n.Stored, "/"), strings.Split(n.Real, "/")
	if len(stored) < 2 || len(stored) != len(real) || stored[0] != real[0] {
		return errors.New("not two paths in one store path")
	}
	for _, p := range []string{n.Stored, n.Real} {
		if path.Clean(p) != p || path.IsAbs(p) || strings.HasPrefix(p, ".") || strings.ContainsAny(p, "\n\x00") {
			return fmt.Errorf("%q is not a store path", p)
		}
	}
	for i := range stored {
		want, mangled := demangle(stored[i])
		last := i == len(stored)-1
		if (last || real[i] != stored[i]) && !(mangled && real[i] == want) {
			return fmt.Errorf("%q is not mangled from %q", stored[i], real[i])
		}
	}
	return nil
}

// StorePaths returns the names of the store paths that names lie in, sorted.
func StorePaths(names []Name) []string {
	var paths []string
	for _, name := range names {
		paths = append(paths, name.StorePath())
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
