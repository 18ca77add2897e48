package erofs

import (
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"math"
	"slices"
	"strings"
)

const (
	superOffset = 1024 // of the superblock in the image
	superSize   = 128
	superMagic  = 0xe0f5e1e2

	// slot is the unit in which inodes are numbered, by their place in the image.
	slot = 32

	compactSize  = 32 // of an inode without a time of its own
	extendedSize = 64

	direntSize = 12 // of an entry in a directory, without its name

	hasChecksum = 1 << 0 // in the compatible features
	hasMtime    = 1 << 1

	plain  = 0 // layouts: all of the content in blocks of its own
	inline = 2 // the last part of it behind the inode
)

// Types of files in a directory.
const (
	typeFile    = 1
	typeDir     = 2
	typeSymlink = 7
)

// size is that of what the node holds, in bytes.
func (n *Node) size() int64 {
	if n.Mode.Type() == fs.ModeSymlink {
		return int64(len(n.Target))
	}
	return n.Size
}

// extended reports whether the node is too large for the small kind of inode.
func (n *Node) extended() bool { return n.size() > math.MaxUint32 || n.links > math.MaxUint16 }

// head is the size of the inode itself.
func (n *Node) head() int {
	if n.extended() {
		return extendedSize
	}
	return compactSize
}

// inline is how much of the content lies behind the inode: what does not fill a
// block, if it fits into one together with the inode.
func (n *Node) inline() int {
	if tail := int(n.size() % BlockSize); n.head()+tail <= BlockSize {
		return tail
	}
	return 0
}

// number is the node's number in the file system.
func (n *Node) number() uint64 { return uint64(n.offset / slot) }

// unixMode is the mode as Unix has it.
func (n *Node) unixMode() uint16 {
	mode := uint16(n.Mode.Perm())
	switch n.Mode.Type() {
	case fs.ModeDir:
		return mode | 0o040000
	case fs.ModeSymlink:
		return mode | 0o120000
	}
	return mode | 0o100000
}

// inode appends the inode to b. The small kind has the file system's time.
func (n *Node) inode(b []byte, time uint64) []byte {
	le := binary.LittleEndian
	layout := uint16(plain)
	if n.inline() > 0 {
		layout = inline
	}
	b = append(b, make([]byte, n.head())...)
	clear(b)
	le.PutUint16(b[4:], n.unixMode())
	le.PutUint32(b[16:], n.block)
	if !n.extended() {
		le.PutUint16(b[0:], layout<<1)
		le.PutUint16(b[6:], uint16(n.links))
		le.PutUint32(b[8:], uint32(n.size()))
		return b
	}
	le.PutUint16(b[0:], layout<<1|1)
	le.PutUint64(b[8:], uint64(n.size()))
	le.PutUint64(b[32:], time)
	le.PutUint32(b[44:], n.links)
	return b
}

// dirent is an entry of a directory as it is written.
type dirent struct {
	name string
	node *Node
}

// dirents returns the entries of a directory, itself and its parent among them,
// in order and divided into blocks.
func (n *Node) dirents(parent *Node) [][]dirent {
	all := make([]dirent, 0, len(n.Entries)+2)
	all = append(all, dirent{".", n}, dirent{"..", parent})
	for _, e := range n.Entries {
		all = append(all, dirent{e.Name, e.Node})
	}
	slices.SortFunc(all, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	var blocks [][]dirent
	used, first := 0, 0
	for i, d := range all {
		size := direntSize + len(d.name)
		if used+size > BlockSize {
			blocks = append(blocks, all[first:i])
			used, first = 0, i
		}
		used += size
	}
	return append(blocks, all[first:])
}

// sizeOf is the size of a directory: all its blocks but the last are full.
func sizeOf(blocks [][]dirent) int64 {
	size := int64(len(blocks)-1) * BlockSize
	for _, d := range blocks[len(blocks)-1] {
		size += int64(direntSize + len(d.name))
	}
	return size
}

// encode returns a directory's content.
func (n *Node) encode(parent *Node) []byte {
	blocks := n.dirents(parent)
	content := make([]byte, 0, sizeOf(blocks))
	for i, block := range blocks {
		content = appendBlock(content, block)
		if i < len(blocks)-1 {
			content = content[:(i+1)*BlockSize] // zeros, as it was made
		}
	}
	return content
}

// appendBlock appends the entries of a block, and then their names.
func appendBlock(b []byte, block []dirent) []byte {
	name := len(block) * direntSize
	for _, d := range block {
		b = binary.LittleEndian.AppendUint64(b, d.node.number())
		b = binary.LittleEndian.AppendUint16(b, uint16(name))
		b = append(b, d.node.direntType(), 0)
		name += len(d.name)
	}
	for _, d := range block {
		b = append(b, d.name...)
	}
	return b
}

func (n *Node) direntType() byte {
	switch n.Mode.Type() {
	case fs.ModeDir:
		return typeDir
	case fs.ModeSymlink:
		return typeSymlink
	}
	return typeFile
}

// superblock returns the rest of the first block, from the superblock on.
func (w *writer) superblock(o Options) []byte {
	b := make([]byte, BlockSize-superOffset)
	le := binary.LittleEndian
	le.PutUint32(b[0:], superMagic)
	le.PutUint32(b[8:], hasChecksum|hasMtime)
	b[12] = 12 // the block size is 1<<12
	le.PutUint16(b[14:], uint16(w.root.number()))
	le.PutUint64(b[16:], w.nodes)
	le.PutUint64(b[24:], o.Time)
	le.PutUint32(b[36:], uint32(w.blocks))
	copy(b[48:64], o.UUID[:])
	copy(b[64:80], o.Label)
	le.PutUint32(b[4:], ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}
