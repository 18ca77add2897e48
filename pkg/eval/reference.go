package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/fault"
)

// split takes FLAKE#NAME apart. An empty flake is the one in the working
// directory. The name may be quoted and stand behind "nixosConfigurations.";
// it is empty when there is none.
func split(arg string) (flake, name string, err error) {
	flake, name, _ = strings.Cut(arg, "#")
	if flake == "" {
		flake = "."
	}
	name = strings.TrimPrefix(name, "nixosConfigurations.")
	if unquoted, ok := strings.CutPrefix(name, `"`); ok {
		if name, ok = strings.CutSuffix(unquoted, `"`); !ok {
			return "", "", fault.Usage(fmt.Errorf("%q: the name's closing quote is missing", arg))
		}
	}
	if strings.ContainsAny(name, "\"\n\x00") {
		return "", "", fault.Usage(fmt.Errorf("%q: %q is not the name of a configuration", arg, name))
	}
	return flake, name, nil
}

// resolve makes a reference that is a path absolute and free of symbolic
// links, which newer Nix refuses, and sees that there is a flake. Any other
// reference stays as it is.
func resolve(flake, workdir string) (string, error) {
	path, scheme := strings.CutPrefix(flake, "path:")
	path, query, hasQuery := strings.Cut(path, "?")
	if !scheme && !strings.HasPrefix(path, ".") && !strings.HasPrefix(path, "/") || strings.Contains(path, "%") {
		return flake, nil
	}
	dir, err := directory(path, workdir)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(dir, "#?%") {
		return "", fmt.Errorf("%q: Nix does not accept a directory with '#', '?' or '%%' in its name", dir)
	}
	if !strings.Contains(query, "dir=") {
		if _, err := findFlake(dir, !scheme); err != nil {
			return "", err
		}
	}
	if scheme {
		dir = "path:" + dir
	}
	if hasQuery {
		dir += "?" + query
	}
	return dir, nil
}

// directory returns the real path of a directory.
func directory(path, workdir string) (string, error) {
	abs := path
	if !filepath.IsAbs(abs) {
		abs = workdir + string(filepath.Separator) + path // not cleaned: ".." behind a link
	}
	dir, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no such directory: %q", path)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q is not a directory", path)
	}
	return dir, err
}

// findFlake returns the directory that has flake.nix: dir or, as nix takes it for
// a plain path, the next one above.
func findFlake(dir string, above bool) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		_, err := os.Stat(filepath.Join(d, "flake.nix"))
		switch {
		case err == nil:
			return d, nil
		case !above:
			return "", fmt.Errorf("no flake.nix in %s", dir)
		case d == filepath.Dir(d):
			return "", fmt.Errorf("no flake.nix in %s or above", dir)
		}
	}
}
