// Package worktree tells the states of a git work tree apart, so that a result is
// valid as long as the tree stays in the state it was made for. It looks at
// content, not at times: the commit, git's index, git's configuration, and each
// tracked file in the work tree. Nix makes a flake of the same files, with or
// without uncommitted changes. Nix does not see a file that git does not track.
//
// It reads git's files itself, which is faster than starting git, and changes
// nothing. It imports nothing of nixvf.
package worktree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Tree is a work tree in one of its states.
type Tree struct {
	State   [sha256.Size]byte // differs from that of any other state
	top     string            // the directory that has .git
	tracked []string          // sorted paths below top
}

// The most tracked files, and the most bytes in them, that a state is told for.
// With more, Nix takes not much longer.
const (
	maxFiles = 4000
	maxBytes = 32 << 20
)

// ErrUnknown is the error where no state can be told: outside of git work trees,
// and for those that are too large or hold what this package does not look into,
// like submodules.
var ErrUnknown = errors.New("the state of the work tree is not known")

// Read returns the work tree that holds the directory dir, whose path must be
// absolute and free of symbolic links.
func Read(dir string) (*Tree, error) {
	t := &Tree{top: above(dir)}
	if t.top == "" || redirected() {
		return nil, ErrUnknown
	}
	hash := sha256.New()
	fmt.Fprintln(hash, t.top)
	repo, err := openRepository(t.top)
	if err == nil {
		err = repo.describe(hash)
	}
	if err == nil {
		t.tracked, err = repo.index(hash)
	}
	if err == nil {
		err = t.describe(hash)
	}
	if err != nil {
		return nil, err
	}
	hash.Sum(t.State[:0])
	return t, nil
}

// Tracks reports whether git tracks the file with this absolute path.
func (t *Tree) Tracks(path string) bool {
	path, below := strings.CutPrefix(path, t.top+"/")
	_, found := slices.BinarySearch(t.tracked, path)
	return below && found
}

// above returns the directory at or above dir that has .git, "" for none.
func above(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// redirected reports whether git has been told to look elsewhere, as in a hook.
// Some versions of Nix look there too, and some do not.
func redirected() bool {
	return slices.ContainsFunc([]string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
		"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
	}, func(name string) bool {
		_, set := os.LookupEnv(name)
		return set
	})
}

// describe writes what each tracked file is in the work tree.
func (t *Tree) describe(w io.Writer) error {
	var size int64
	infos := make([]fs.FileInfo, len(t.tracked)) // nil for one that is not there
	for i, path := range t.tracked {
		info, err := os.Lstat(filepath.Join(t.top, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil {
			infos[i] = info
			size += info.Size()
		}
	}
	if size > maxBytes {
		return ErrUnknown
	}
	texts, failures := make([]string, len(infos)), make([]error, len(infos))
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(infos); i += workers {
				texts[i], failures[i] = content(filepath.Join(t.top, t.tracked[i]), infos[i])
			}
		})
	}
	group.Wait()
	for _, text := range texts {
		fmt.Fprintln(w, text)
	}
	return errors.Join(failures...)
}

// content describes a file by its kind, whether it is executable, and a hash of
// what is in it.
func content(path string, info fs.FileInfo) (string, error) {
	var kind string
	var data []byte
	var err error
	switch {
	case info == nil:
		kind = "none"
	case info.Mode().IsRegular():
		kind = fmt.Sprintf("file %o", info.Mode().Perm()&0o100)
		data, err = ReadRegular(path)
	case info.Mode().Type() == fs.ModeSymlink:
		var target string
		kind = "link"
		target, err = os.Readlink(path)
		data = []byte(target)
	default:
		err = ErrUnknown
	}
	return fmt.Sprintf("%s %x", kind, sha256.Sum256(data)), err
}
