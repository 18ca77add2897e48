// Package erofs writes file systems in EROFS, Linux's read-only format. It opens
// one file at a time, so the number of files and their size do not matter for
// memory and descriptors. The kernel documentation (filesystems/erofs.rst)
// describes the format. This package writes its plain form, without compression
// and extended attributes, which Linux 5.4 and newer mounts.
//
// The caller decides what is in the tree and where the image is, and makes sure
// that it is complete. The package imports nothing of nixvf.
package erofs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
)

const (
	// BlockSize is the size of a block in bytes: what each page size mounts.
	BlockSize = 4096

	// MaxLabel is the longest label in bytes, and MaxName the longest name.
	MaxLabel = 16
	MaxName  = 255

	// MaxTarget is the longest target of a symbolic link.
	MaxTarget = BlockSize - 1
)

// Node is a directory, a regular file or a symbolic link, and root's. A file or a
// link that several entries lead to is one with several links; a directory has one
// entry. A tree is written once.
type Node struct {
	Mode    fs.FileMode // type and permissions
	Size    int64       // of a regular file
	Target  string      // of a symbolic link
	Entries []Entry     // of a directory, in any order

	links  uint32
	pass   uint8 // the last one that has come here
	block  uint32
	offset int64 // of the inode in the image
}

// Entry is a name in a directory.
type Entry struct {
	Name   string
	Source string // what [Open] knows it by, if that is another name
	Node   *Node
}

func (e Entry) source() string {
	if e.Source != "" {
		return e.Source
	}
	return e.Name
}

// Open opens a regular file for reading. path is made of the source names of the
// entries that lead to it.
type Open func(path string) (io.ReadCloser, error)

// Options say what an image is beyond its tree.
type Options struct {
	Label string   // at most MaxLabel bytes
	UUID  [16]byte // of the file system
	Time  uint64   // when everything in it was changed last, in seconds since 1970
}

// Output is where an image goes: an empty file.
type Output interface {
	io.WriterAt
	Truncate(size int64) error
}

// Write writes an image of the tree below root to out. What it makes depends on
// the tree, the files' content and o alone.
func Write(ctx context.Context, out Output, root *Node, open Open, o Options) error {
	if len(o.Label) > MaxLabel {
		return fmt.Errorf("label %q: has %d bytes, EROFS takes at most %d", o.Label, len(o.Label), MaxLabel)
	}
	if !root.Mode.IsDir() {
		return errors.New("the top of a file system must be a directory")
	}
	w := &writer{ctx: ctx, out: out, root: root, open: open, time: o.Time, buffer: make([]byte, 1<<20)}
	if err := w.plan(); err != nil {
		return err
	}
	if err := w.write(root, root, ""); err != nil {
		return err
	}
	if err := w.out.Truncate(int64(w.blocks) * BlockSize); err != nil {
		return err
	}
	_, err := w.out.WriteAt(w.superblock(o), superOffset)
	return err
}

// writer writes one image.
type writer struct {
	ctx    context.Context
	out    Output
	root   *Node
	open   Open
	time   uint64
	buffer []byte

	pass   uint8
	nodes  uint64
	blocks uint64  // that are in use so far
	gaps   []space // blocks of inodes that have room left
}

// check returns an error for what the format, or a Linux, cannot hold.
func (n *Node) check() error {
	switch n.Mode.Type() {
	case 0:
		if n.Size < 0 {
			return fmt.Errorf("%d bytes", n.Size)
		}
	case fs.ModeSymlink:
		if len(n.Target) == 0 || len(n.Target) > MaxTarget {
			return fmt.Errorf("a link's target must have 1 to %d bytes, not %d", MaxTarget, len(n.Target))
		}
	case fs.ModeDir:
		return n.checkEntries()
	default:
		return errors.New("neither a file, a directory nor a symbolic link")
	}
	return nil
}

// checkEntries checks a directory's entries, and sorts them.
func (n *Node) checkEntries() error {
	slices.SortFunc(n.Entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for i, e := range n.Entries {
		switch {
		case e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00"):
			return fmt.Errorf("%q is no name", e.Name)
		case len(e.Name) > MaxName:
			return fmt.Errorf("%q: a name has at most %d bytes", e.Name, MaxName)
		case i > 0 && e.Name == n.Entries[i-1].Name:
			return fmt.Errorf("%q is there twice", e.Name)
		}
	}
	return nil
}

// each calls visit for the nodes below n and for n itself, each of them once and
// a directory before what is in it. path is that of the source.
func (w *writer) each(n *Node, path string, visit func(n *Node) error) error {
	if n.pass == w.pass {
		return nil
	}
	n.pass = w.pass
	if err := visit(n); err != nil {
		return &fs.PathError{Op: "add", Path: path, Err: err}
	}
	for _, e := range n.Entries {
		if err := w.each(e.Node, join(path, e.source()), visit); err != nil {
			return err
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// plan finds a place for everything: the inodes first, then what directories do
// not keep beside their inode, then that of files and links.
func (w *writer) plan() error {
	w.blocks = 1 // the superblock's
	passes := []func(n *Node) error{w.measure, w.placeInode, w.placeDirectory, w.placeContent}
	for _, visit := range passes {
		w.pass++
		if err := w.each(w.root, "", visit); err != nil {
			return err
		}
	}
	w.pass++
	if w.blocks > math.MaxUint32 {
		return fmt.Errorf("%d blocks are more than an image can have", w.blocks)
	}
	return w.ctx.Err()
}

// measure counts a node, and the links that a directory has to others.
func (w *writer) measure(n *Node) error {
	if err := n.check(); err != nil {
		return err
	}
	w.nodes++
	if !n.Mode.IsDir() {
		return nil
	}
	n.links += 2
	for _, e := range n.Entries {
		if e.Node.Mode.IsDir() {
			n.links++
		} else {
			e.Node.links++
		}
	}
	n.Size = sizeOf(n.dirents(n))
	return nil
}

func (w *writer) placeInode(n *Node) error {
	n.offset = w.place(n.head() + n.inline())
	return nil
}

func (w *writer) placeDirectory(n *Node) error {
	if n.Mode.IsDir() {
		n.block = w.reserve(n)
	}
	return nil
}

func (w *writer) placeContent(n *Node) error {
	if !n.Mode.IsDir() {
		n.block = w.reserve(n)
	}
	return nil
}

// reserve takes blocks for the content that does not lie beside the inode.
func (w *writer) reserve(n *Node) uint32 {
	first := w.blocks
	w.blocks += uint64((n.size() - int64(n.inline()) + BlockSize - 1) / BlockSize)
	return uint32(first)
}

// space is a block of inodes with room from an offset on.
type space struct {
	block uint64
	used  int
}

// mostGaps is how many blocks with room left are remembered: enough that hardly
// any room stays empty, few enough that neighbours stay close.
const mostGaps = 32

// place finds room of size bytes within one block, and returns its offset.
func (w *writer) place(size int) int64 {
	size = (size + slot - 1) &^ (slot - 1)
	i := slices.IndexFunc(w.gaps, func(s space) bool { return s.used+size <= BlockSize })
	if i < 0 {
		if len(w.gaps) == mostGaps {
			w.gaps = slices.Delete(w.gaps, 0, 1)
		}
		w.gaps = append(w.gaps, space{block: w.blocks})
		w.blocks++
		i = len(w.gaps) - 1
	}
	gap := &w.gaps[i]
	offset := int64(gap.block)*BlockSize + int64(gap.used)
	gap.used += size
	return offset
}

// write writes a node and what is below it.
func (w *writer) write(n, parent *Node, path string) error {
	if n.pass == w.pass {
		return nil
	}
	n.pass = w.pass
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.writeNode(n, parent, path); err != nil {
		return err
	}
	for _, e := range n.Entries {
		if err := w.write(e.Node, n, join(path, e.source())); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeNode(n, parent *Node, path string) error {
	switch n.Mode.Type() {
	case fs.ModeDir:
		return w.writeContent(n, strings.NewReader(string(n.encode(parent))))
	case fs.ModeSymlink:
		return w.writeContent(n, strings.NewReader(n.Target))
	}
	if n.Size == 0 {
		return w.writeContent(n, strings.NewReader(""))
	}
	f, err := w.open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = w.writeContent(n, f)
	if errors.Is(err, errChanged) {
		err = &fs.PathError{Op: "add", Path: path, Err: err}
	}
	return err
}

// errChanged says that a file has not the size that it was announced with.
var errChanged = errors.New("its size changed while it was read")

// writeContent writes n's inode and what content holds.
func (w *writer) writeContent(n *Node, content io.Reader) error {
	position := int64(n.block) * BlockSize
	for left := n.size() - int64(n.inline()); left > 0; {
		part := w.buffer[:min(left, int64(len(w.buffer)))]
		if err := readFull(content, part); err != nil {
			return err
		}
		if _, err := w.out.WriteAt(part, position); err != nil {
			return err
		}
		position, left = position+int64(len(part)), left-int64(len(part))
	}
	inode := n.inode(w.buffer[:0], w.time)
	inode = inode[:len(inode)+n.inline()]
	if err := readFull(content, inode[n.head():]); err != nil {
		return err
	}
	if more, err := content.Read(w.buffer[BlockSize : BlockSize+1]); more > 0 || err != nil && err != io.EOF {
		return errors.Join(err, errChanged)
	}
	_, err := w.out.WriteAt(inode, n.offset)
	return err
}

func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errChanged
	}
	return err
}
