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
	"golang.org/x/sys/unix"
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
		text, err := ReadRegular(r.own)
		path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
		if err != nil || !ok {
			return r, errors.Join(err, ErrUnknown)
		}
		r.own = from(top, path)
	}
	r.common = r.own
	text, err := ReadRegular(filepath.Join(r.own, "commondir"))
	if err == nil {
		r.common = from(r.own, strings.TrimSpace(string(text)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return r, err
}

// maxFile is the size in bytes of any other file of git's that is read.
const maxFile = maxBytes

// ReadRegular reads a file that is a regular one and not too large: who made
// the repository may have put anything there.
func ReadRegular(path string) ([]byte, error) {
	f, err := openRegular(path, maxFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// openRegular opens a regular file of at most size bytes. It waits for nobody,
// as the opening of a FIFO would.
func openRegular(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = &NotRegularError{path}
	case err == nil && info.Size() > size:
		err = ErrUnknown
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// NotRegularError is the error about something in the place of one of git's
// files at which git, and with it Nix, would wait or read on without an end.
type NotRegularError struct{ Path string }

func (e *NotRegularError) Error() string { return e.Path + " is not a regular file" }

// Unwrap returns [ErrUnknown].
func (e *NotRegularError) Unwrap() error { return ErrUnknown }

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
	head, err := ReadRegular(filepath.Join(r.own, "HEAD"))
	if err != nil {
		return err
	}
	config, err := ReadRegular(filepath.Join(r.common, "config"))
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
		if !filepath.IsLocal(ref) || !strings.HasPrefix(ref, "refs/") {
			return ErrUnknown
		}
		files = append(files, filepath.Join(r.common, ref))
	}
	for _, file := range files {
		text, err := ReadRegular(file)
		if !strings.HasPrefix(file, r.common+"/") && errors.Is(err, ErrUnknown) {
			return ErrUnknown // the user's own
		}
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
	f, err := openRegular(filepath.Join(r.own, "index"), maxIndex)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all index.Index
	if err := index.NewDecoder(bufio.NewReader(io.LimitReader(f, maxIndex))).Decode(&all); err != nil {
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
