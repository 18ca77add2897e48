package nix

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/evalcache"
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

// identity names a program by the file that it is: another one in its place, or
// a change to it, gives another name. There is none for a script, which may run
// something else tomorrow, nor for a program that is called nix by a link only,
// as those are that run many others.
func identity(program string) (evalcache.Key, bool) {
	path, err := filepath.EvalSymlinks(program)
	if err != nil || filepath.Base(path) != "nix" {
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	magic := make([]byte, 2)
	var stat unix.Stat_t
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) == "#!" || unix.Fstat(int(f.Fd()), &stat) != nil {
		return "", false
	}
	text := fmt.Sprintln("release of", path, stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim)
	return evalcache.NewKey([]byte(text)), true
}
