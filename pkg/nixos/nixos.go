// Package nixos owns what nixvf says in the Nix language: the wrapper flake
// that nixvf-eval evaluates, and the NixOS module that makes a configuration
// bootable by nixvf. Both are plain .nix files, embedded.
//
// It writes them to a directory and knows nothing of how nix is run. It
// imports nothing of nixvf.
package nixos

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

//go:embed *.nix *.sh
var embedded embed.FS

// files is the wrapper flake: file name to content.
var files = wrapperFlake()

// wrapperFlake returns the embedded files under the names that they have in the
// flake: its own file is wrapper.nix here, since nix would take a directory with
// a flake.nix for a flake.
func wrapperFlake() map[string]string {
	files := map[string]string{}
	entries, err := embedded.ReadDir(".")
	for _, entry := range entries {
		name := entry.Name()
		var text []byte
		if text, err = embedded.ReadFile(name); err != nil {
			break
		}
		if name == "wrapper.nix" {
			name = "flake.nix"
		}
		files[name] = string(text)
	}
	if err != nil { // what is embedded can be read
		panic(err)
	}
	return files
}

// Install makes sure that the wrapper flake is in a directory under parent and
// returns that directory, named after its content. It is complete or absent at
// any time, whoever else installs it meanwhile. temp is an empty directory on
// the same file system.
func Install(parent, temp string) (string, error) {
	dir := filepath.Join(parent, digest())
	if installed(dir) {
		return dir, nil
	}
	fresh := filepath.Join(temp, "wrapper")
	for _, d := range []string{parent, fresh} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return dir, replace(fresh, dir)
}

// replace renames fresh to dir. What is there already stays if somebody else
// has just installed it, and goes if it was tampered with.
func replace(fresh, dir string) error {
	err := os.Rename(fresh, dir)
	if err == nil || installed(dir) {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// installed reports whether dir holds the files as they are embedded, and
// nothing else.
func installed(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files) {
		return false
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != text {
			return false
		}
	}
	return true
}

// digest names the files' content, in 16 hexadecimal digits.
func digest() string {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(files[name]), files[name])
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
