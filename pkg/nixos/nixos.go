// Package nixos owns nixvf's code in the Nix language: the wrapper flake that
// nixvf-eval evaluates, and the NixOS module that makes a configuration bootable
// by nixvf. Both are plain .nix files, embedded.
//
// It writes them to a directory and does not run nix. It imports nothing of
// nixvf.
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
	"strings"
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

// placeholder stands in wrapper.nix for the URL of the flake.
const placeholder = `"path:/replaced-by-nixvf-eval"`

// Write makes the directory dir and writes the wrapper of a flake there, whose
// URL is given as a string of the Nix language, and a lock file, unless that is
// nil.
func Write(dir, url string, lock []byte) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	write := func(name, text string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	for name, text := range files {
		if name == "flake.nix" {
			text = strings.Replace(text, placeholder, url, 1)
		}
		if err := write(name, text); err != nil {
			return err
		}
	}
	if lock == nil {
		return nil
	}
	return write("flake.lock", string(lock))
}

// Digest names the wrapper flake's content, whatever it wraps.
func Digest() string {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(files[name]), files[name])
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
