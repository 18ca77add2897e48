package nix

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/cache"
)

// release returns what nix --version prints. It is remembered for a program that
// is the same file still.
func (n *Nix) release(ctx context.Context) (string, error) {
	key, lasting := identity(n.nix)
	var release string
	if lasting && n.memory.Load(key, &release) {
		return release, nil
	}
	out, err := n.run(ctx, n.nix, "--version")
	if err != nil {
		return "", err
	}
	release = strings.TrimSpace(string(out))
	if again, same := identity(n.nix); lasting && same && again == key {
		n.memory.Store(key, release)
	}
	return release, nil
}

// identity is the key of a program. There is none for one that is called nix by
// a link only, as those are that run many others, nor for a script.
func identity(program string) (cache.Key, bool) {
	key, real, lasting := cache.Program(program, "")
	return key, lasting && filepath.Base(real) == "nix"
}
