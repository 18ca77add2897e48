package nix

import (
	"crypto/sha1"
	"os"
	"path/filepath"
	"slices"
)

// stateDir is where Nix has its state, its roots among it, unless
// NIX_STATE_DIR says something else.
const stateDir = "/nix/var/nix"

// Rooted reports whether link, an absolute path, is a garbage collector root for
// a store path already: it leads there, and Nix knows it. Where that cannot be
// seen the answer is no.
func (s Settings) Rooted(link, path string) bool {
	_, elsewhere := os.LookupEnv("NIX_STATE_DIR")
	if elsewhere || !slices.Contains([]string{"", "auto", "daemon", "local"}, s.Store) {
		return false
	}
	return rooted(stateDir, link, path)
}

// rooted is Rooted for a state directory.
func rooted(state, link, path string) bool {
	known, err := os.Readlink(filepath.Join(state, "gcroots/auto", autoName(link)))
	if err != nil || known != link {
		return false
	}
	target, err := os.Readlink(link)
	return err == nil && target == path
}

// autoName is the name of the link by which Nix knows that a link elsewhere is a
// root: the hash of its path (LocalStore::addIndirectRoot), written as Nix does,
// 5 bits a digit, the last ones first, with digits of its own (Nix manual,
// "Nix32").
func autoName(link string) string {
	const digits = "0123456789abcdfghijklmnpqrsvwxyz"
	hash := sha1.Sum([]byte(link))
	name := make([]byte, 0, len(hash)*8/5)
	for n := cap(name) - 1; n >= 0; n-- {
		i, shift := n*5/8, n*5%8
		bits := uint(hash[i]) >> shift
		if i+1 < len(hash) {
			bits |= uint(hash[i+1]) << (8 - shift)
		}
		name = append(name, digits[bits&31])
	}
	return string(name)
}
