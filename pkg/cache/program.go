package cache

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Program returns the key for what is remembered about a program, and its real
// path. The key is that of the very file: another one in its place, wherever a
// link to it leads now, or a change to it, gives another key.
//
// There is none for a script, which may run something else tomorrow, unless it
// lies in immutable: a directory, as a Nix store is, in which nothing changes; ""
// for none.
func Program(path, immutable string) (key Key, real string, ok bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", "", false
	}
	f, err := os.Open(real)
	if err != nil {
		return "", "", false
	}
	defer f.Close()
	magic := make([]byte, 2)
	var stat unix.Stat_t
	if _, err := io.ReadFull(f, magic); err != nil || unix.Fstat(int(f.Fd()), &stat) != nil {
		return "", "", false
	}
	if string(magic) == "#!" && (immutable == "" || !strings.HasPrefix(real, immutable+"/")) {
		return "", "", false
	}
	text := fmt.Sprintln("program", real, stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim)
	return NewKey([]byte(text)), real, true
}
