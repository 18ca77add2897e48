// Package storeimage makes images of store paths: EROFS file systems that hold a
// closure as a store of its own. A VM attaches one read-only instead of the shared
// store, and sees nothing else of the host's store.
//
// The content of an image depends only on the store paths. Files and directories
// belong to root and have the modes and times of a store. They have the names that
// Nix knows, even where the host's store has changed them (package casehack).
package storeimage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/casehack"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/erofs"
)

// Label is the label of the images' file systems. NixOS's virtualisation module
// mounts the store by it.
const Label = "nix-store"

// Modes and time of what is in a store: Nix's canonical ones, and those of the
// directory that it lies in.
const (
	dirMode     = fs.ModeDir | 0o555
	fileMode    = fs.FileMode(0o444)
	programMode = fs.FileMode(0o555)
	linkMode    = fs.ModeSymlink | 0o777
	storeMode   = fs.ModeDir | 0o755
	storeTime   = 1
)

// Spec says what an image holds.
type Spec struct {
	Store string   // the directory that the store paths lie in
	Paths []string // in the store
	// CaseHack says that names that differ in case only are mangled in this store.
	CaseHack bool
}

// Create makes the image of spec at path, with mode 0444. The directory must
// exist. The image is there whole or not at all, and nothing is ever put in the
// place of what is there already, as [disk.Create] has it.
func Create(ctx context.Context, path string, spec Spec) error {
	return disk.Place(ctx, path, func(f *os.File) error {
		if err := spec.write(ctx, f, path); err != nil {
			return err
		}
		return f.Chmod(0o444)
	})
}

// write writes the image that is to be at path.
func (s Spec) write(ctx context.Context, out *os.File, path string) error {
	t := tree{ctx: ctx, Spec: s, links: map[inode]*erofs.Node{}}
	root, err := t.root()
	if err != nil {
		return err
	}
	report := disk.Reporter(ctx, path, t.size)
	defer report(t.size)
	var done int64
	open := func(name string) (io.ReadCloser, error) {
		f, err := os.OpenFile(filepath.Join(s.Store, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		return &counted{f, &done, report}, nil
	}
	return erofs.Write(ctx, out, root, open, erofs.Options{Label: Label, UUID: s.uuid(), Time: storeTime})
}

// uuid returns the UUID of the image, which has the same one whenever it is made.
func (s Spec) uuid() (id [16]byte) {
	sum := sha256.Sum256([]byte(strings.Join(s.names(), "\x00")))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, of RFC 9562
	return id
}

// names returns the names of the store paths in the store, in order.
func (s Spec) names() []string {
	var names []string
	for _, path := range s.Paths {
		names = append(names, filepath.Base(path))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// counted is a file that tells how much has been read.
type counted struct {
	*os.File
	done   *int64
	report func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	*c.done += int64(n)
	c.report(*c.done)
	return n, err
}

// tree reads the tree of an image from the store.
type tree struct {
	Spec
	ctx   context.Context
	links map[inode]*erofs.Node // of the files with several names
	size  int64                 // of all files, in bytes
}

// inode tells files apart.
type inode struct{ device, number uint64 }

func (t *tree) root() (*erofs.Node, error) {
	root := &erofs.Node{Mode: storeMode}
	for _, path := range t.Paths {
		if filepath.Dir(path) != t.Store {
			return nil, fmt.Errorf("%s is not directly in %s", path, t.Store)
		}
	}
	for _, name := range t.names() {
		info, err := os.Lstat(filepath.Join(t.Store, name))
		if err != nil {
			return nil, err
		}
		node, err := t.node(filepath.Join(t.Store, name), info)
		if err != nil {
			return nil, err
		}
		root.Entries = append(root.Entries, erofs.Entry{Name: name, Node: node})
	}
	return root, nil
}

// node returns what is at path.
func (t *tree) node(path string, info fs.FileInfo) (*erofs.Node, error) {
	switch info.Mode().Type() {
	case fs.ModeDir:
		return t.directory(path)
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		return &erofs.Node{Mode: linkMode, Target: target}, err
	case 0:
		return t.file(info), nil
	}
	return nil, &fs.PathError{Op: "add", Path: path, Err: errors.New("neither a file, a directory nor a symbolic link")}
}

// file returns a regular file: the same for all its names.
func (t *tree) file(info fs.FileInfo) *erofs.Node {
	n := &erofs.Node{Mode: fileMode, Size: info.Size()}
	if info.Mode()&0o100 != 0 {
		n.Mode = programMode
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
		key := inode{uint64(stat.Dev), stat.Ino}
		if first := t.links[key]; first != nil {
			return first
		}
		t.links[key] = n
	}
	t.size += n.Size
	return n
}

func (t *tree) directory(path string) (*erofs.Node, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	n := &erofs.Node{Mode: dirMode, Entries: make([]erofs.Entry, 0, len(entries))}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		child, err := t.node(filepath.Join(path, entry.Name()), info)
		if err != nil {
			return nil, err
		}
		n.Entries = append(n.Entries, t.entry(entries, entry.Name(), child))
	}
	return n, nil
}

// entry returns an entry of a directory, by its real name.
func (t *tree) entry(entries []fs.DirEntry, name string, n *erofs.Node) erofs.Entry {
	e := erofs.Entry{Name: name, Node: n}
	if real := casehack.RealName(entries, name); t.CaseHack && real != name {
		e.Name, e.Source = real, name
	}
	return e
}
