package worktree

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// repository is where git keeps what belongs to a work tree, and what belongs to
// all work trees of one repository (gitrepository-layout(5)).
type repository struct{ own, common string }

// openRepository finds the repository of the work tree at top, where .git is its
// directory or a file that names it.
func openRepository(top string) (repository, error) {
	r := repository{own: filepath.Join(top, ".git")}
	info, err := os.Stat(r.own)
	if err != nil {
		return r, err
	}
	if !info.IsDir() {
		text, err := os.ReadFile(r.own)
		path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
		if err != nil || !ok {
			return r, errors.Join(err, ErrUnknown)
		}
		r.own = from(top, path)
	}
	r.common = r.own
	text, err := os.ReadFile(filepath.Join(r.own, "commondir"))
	if err == nil {
		r.common = from(r.own, strings.TrimSpace(string(text)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return r, err
}

// from is a path as it is meant in dir.
func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// describe writes which commit is checked out, and what makes a difference to
// how git compares it with the work tree.
func (r repository) describe(w io.Writer) error {
	head, err := os.ReadFile(filepath.Join(r.own, "HEAD"))
	if err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(r.common, "config"))
	if err != nil || bytes.Contains(bytes.ToLower(config), []byte("worktree")) { // it is elsewhere, or has more settings
		return errors.Join(err, ErrUnknown)
	}
	if _, err := os.Lstat(filepath.Join(r.common, "reftable")); err == nil {
		return ErrUnknown
	}
	fmt.Fprintf(w, "%q %q\n", head, config)
	files := append(personal(), "/etc/gitconfig", filepath.Join(r.common, "packed-refs"),
		filepath.Join(r.common, "shallow"), filepath.Join(r.common, "info/attributes"))
	if ref, ok := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: "); ok {
		files = append(files, filepath.Join(r.common, ref))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if bytes.HasPrefix(text, []byte("ref: ")) {
			return ErrUnknown
		}
		fmt.Fprintf(w, "%q %t\n", text, err == nil)
	}
	return nil
}

// personal returns the user's own files for git.
func personal() []string {
	home := os.Getenv("HOME")
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	return []string{filepath.Join(home, ".gitconfig"), filepath.Join(config, "git/config"), filepath.Join(config, "git/attributes")}
}

// maxIndex is the size in bytes of an index that is read. An entry takes 62 bytes
// and its path.
const maxIndex = maxFiles * 512

// index writes what git has in its index, without the times by which it sees
// changes, and returns the sorted paths.
func (r repository) index(w io.Writer) ([]string, error) {
	f, err := os.Open(filepath.Join(r.own, "index"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > maxIndex {
		return nil, errors.Join(err, ErrUnknown)
	}
	var all index.Index
	if err := index.NewDecoder(bufio.NewReader(f)).Decode(&all); err != nil {
		return nil, errors.Join(err, ErrUnknown)
	}
	if len(all.Entries) > maxFiles {
		return nil, ErrUnknown
	}
	paths := make([]string, len(all.Entries))
	for i, entry := range all.Entries {
		if entry.Mode == filemode.Submodule || entry.Mode == filemode.Dir || entry.Stage != 0 { // not merged
			return nil, ErrUnknown
		}
		fmt.Fprintf(w, "%o %s %t %q\n", entry.Mode, entry.Hash, entry.IntentToAdd, entry.Name)
		paths[i] = entry.Name
	}
	slices.Sort(paths)
	return paths, nil
}
