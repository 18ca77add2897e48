package erofs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/erofs/go-erofs"
)

// contents holds what is in the files of a tree.
type contents map[*Node][]byte

// open returns what opens the files of the tree below root.
func (c contents) open(root *Node) Open {
	nodes := map[string]*Node{}
	var walk func(n *Node, at string)
	walk = func(n *Node, at string) {
		nodes[at] = n
		for _, e := range n.Entries {
			walk(e.Node, join(at, e.source()))
		}
	}
	walk(root, "")
	return func(name string) (io.ReadCloser, error) {
		content, ok := c[nodes[name]]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return io.NopCloser(bytes.NewReader(content)), nil
	}
}

// file makes a file, of content that seed names.
func (c contents) file(seed uint64, size int) *Node {
	n := &Node{Mode: 0o444, Size: int64(size)}
	b := make([]byte, size)
	for i, r := 0, rand.New(rand.NewPCG(seed, 0)); i < size; i++ {
		b[i] = byte(r.Uint32())
	}
	c[n] = b
	return n
}

func dir(entries ...Entry) *Node    { return &Node{Mode: fs.ModeDir | 0o555, Entries: entries} }
func file(size int) *Node           { return &Node{Mode: 0o444, Size: int64(size)} }
func link(target string) *Node      { return &Node{Mode: fs.ModeSymlink | 0o777, Target: target} }
func entry(n string, x *Node) Entry { return Entry{Name: n, Node: x} }

// image writes a tree, has fsck.erofs look at it where there is one, and opens
// it with another reader.
func image(t *testing.T, root *Node, files contents) (erofsFS, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.img")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	if err := Write(t.Context(), out, root, files.open(root), Options{Label: "nix-store", Time: 1, UUID: [16]byte{1, 2}}); err != nil {
		t.Fatal(err)
	}
	if fsck, err := exec.LookPath("fsck.erofs"); err == nil {
		if report, err := exec.Command(fsck, name).CombinedOutput(); err != nil {
			t.Errorf("fsck.erofs: %v\n%s", err, report)
		}
	}
	read, err := erofs.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	return read.(erofsFS), name
}

// erofsFS is what the other reader can do.
type erofsFS interface {
	fs.ReadDirFS
	ReadLink(name string) (string, error)
	Lstat(name string) (fs.FileInfo, error)
}

// compare compares what is in an image with the tree that it was made of.
func compare(t *testing.T, read erofsFS, name string, n *Node, files contents) {
	t.Helper()
	info, err := read.Lstat(name)
	if err != nil {
		t.Errorf("%q: %v", name, err)
		return
	}
	stat := info.Sys().(*erofs.Stat)
	if info.Mode().Type() != n.Mode.Type() || info.Mode().Perm() != n.Mode.Perm() || stat.Mtime != 1 || stat.UID != 0 || stat.GID != 0 || uint32(stat.Nlink) != n.links {
		t.Errorf("%q: %v, %+v, want %v and %d links", name, info.Mode(), stat, n.Mode, n.links)
	}
	switch {
	case n.Mode.IsDir():
		compareDirectory(t, read, name, n, files)
	case n.Mode.IsRegular():
		if content, err := fs.ReadFile(read, name); err != nil || !bytes.Equal(content, files[n]) {
			t.Errorf("%q: %d bytes, %v, want %d", name, len(content), err, len(files[n]))
		}
	default:
		if target, err := read.ReadLink(name); err != nil || target != n.Target {
			t.Errorf("%q: %q, %v, want %q", name, target, err, n.Target)
		}
	}
}

func compareDirectory(t *testing.T, read erofsFS, name string, n *Node, files contents) {
	t.Helper()
	entries, err := read.ReadDir(name)
	if err != nil {
		t.Errorf("%q: %v", name, err)
	}
	var got, want []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	for _, e := range n.Entries {
		want = append(want, e.Name)
		compare(t, read, path.Join(name, e.Name), e.Node, files)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %q, want %q", name, got, want)
	}
}

// check writes a tree, reads it back and compares.
func check(t *testing.T, root *Node, files contents) {
	t.Helper()
	read, _ := image(t, root, files)
	compare(t, read, ".", root, files)
}

func TestEmpty(t *testing.T) { check(t, dir(), nil) }

// The sizes at which a file's last part stops fitting beside its inode, and those around a block.
func TestSizes(t *testing.T) {
	root, files := dir(), contents{}
	for _, size := range []int{0, 1, 31, 32, 4031, 4063, 4064, 4065, 4095, 4096, 4097, 8159, 8160, 8161, 8192, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 5} {
		root.Entries = append(root.Entries, entry(fmt.Sprint("f", size), files.file(uint64(size), size)))
	}
	for _, size := range []int{1, 2, 4063, 4064, 4065, MaxTarget} {
		root.Entries = append(root.Entries, entry(fmt.Sprint("l", size), link(strings.Repeat("x", size))))
	}
	check(t, root, files)
}

// Directories of one block, of several, and those whose last block does not fit beside the inode.
func TestDirectories(t *testing.T) {
	for _, count := range []int{1, 150, 253, 254, 255, 256, 510, 3000} {
		root := dir()
		for i := range count {
			root.Entries = append(root.Entries, entry(fmt.Sprintf("n%03d", count-i), dir()))
		}
		root.Entries = append(root.Entries, entry(strings.Repeat("ä", 127), dir(entry("+", dir()), entry("-", link("x")))))
		check(t, root, nil)
	}
}

func TestNames(t *testing.T) {
	root := dir()
	for _, name := range []string{"a b", "a\nb", "\xff\xfe", "...", "-", "~", "\\", "*", strings.Repeat("y", MaxName), "日本", "A", "a"} {
		root.Entries = append(root.Entries, entry(name, link(name)))
	}
	check(t, root, nil)
}

func TestLinks(t *testing.T) {
	files := contents{}
	shared := files.file(7, 3<<20)
	root := dir(entry("a", shared), entry("b", dir(entry("c", shared))), entry("d", files.file(8, 1)))
	read, name := image(t, root, files)
	compare(t, read, ".", root, files)
	a, _ := read.Lstat("a")
	c, _ := read.Lstat("b/c")
	if a.Sys().(*erofs.Stat).Ino != c.Sys().(*erofs.Stat).Ino || shared.links != 2 {
		t.Errorf("two files: %v, %v, %d links", a.Sys(), c.Sys(), shared.links)
	}
	if info, err := os.Stat(name); err != nil || info.Size() > 4<<20 {
		t.Errorf("the image has %d bytes, %v", info.Size(), err)
	}
}

// A source can know a file by another name.
func TestSourceNames(t *testing.T) {
	files := contents{}
	mangled := Entry{Name: "dir", Source: "dir~1", Node: dir(entry("f", files.file(1, 2)))}
	check(t, dir(entry("Dir", dir(entry("f", files.file(2, 1)))), mangled), files)
}

// More than 4 GiB in one file, most of it zeros, and more links than the small kind of inode can count.
func TestExtended(t *testing.T) {
	const size = 4<<30 + 5
	many := file(1)
	root := dir(entry("big", file(size)), entry("m", dir()))
	for i := range 70000 {
		root.Entries[1].Node.Entries = append(root.Entries[1].Node.Entries, entry(fmt.Sprint(i), many))
	}
	out := &sparse{}
	open := func(name string) (io.ReadCloser, error) {
		if name == "big" {
			return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, size-5), strings.NewReader("hello"))), nil
		}
		return io.NopCloser(strings.NewReader("m")), nil
	}
	if err := Write(t.Context(), out, root, open, Options{Time: 1}); err != nil {
		t.Fatal(err)
	}
	read, err := erofs.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	info, err := fs.Stat(read, "big")
	if err != nil || info.Size() != size || info.Sys().(*erofs.Stat).Mtime != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	big := root.Entries[0].Node
	var last [5]byte
	if _, err := out.ReadAt(last[:], big.offset+int64(big.head())); string(last[:]) != "hello" {
		t.Errorf("it ends in %q, %v", last, err)
	}
	if info, err := fs.Stat(read, "m/69999"); err != nil || many.links != 70000 || info.Sys().(*erofs.Stat).Nlink != 70000 {
		t.Errorf("%+v, %v", info, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// sparse keeps what is not zero.
type sparse struct {
	parts map[int64][]byte // by block
	size  int64
}

func (s *sparse) Truncate(size int64) error { s.size = size; return nil }

func (s *sparse) WriteAt(p []byte, at int64) (int, error) {
	if s.parts == nil {
		s.parts = map[int64][]byte{}
	}
	for i := 0; i < len(p); {
		block, from := (at+int64(i))/BlockSize, int((at+int64(i))%BlockSize)
		n := min(len(p)-i, BlockSize-from)
		if len(bytes.Trim(p[i:i+n], "\x00")) > 0 {
			if s.parts[block] == nil {
				s.parts[block] = make([]byte, BlockSize)
			}
			copy(s.parts[block][from:], p[i:i+n])
		}
		i += n
	}
	return len(p), nil
}

func (s *sparse) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	for i := 0; i < len(p); {
		block, from := (at+int64(i))/BlockSize, int((at+int64(i))%BlockSize)
		n := min(len(p)-i, BlockSize-from)
		if part := s.parts[block]; part != nil {
			copy(p[i:i+n], part[from:])
		}
		i += n
	}
	return len(p), nil
}

// randomTree makes a tree with files of all kinds.
func randomTree(r *rand.Rand, files contents, depth int) *Node {
	n := dir()
	var before []*Node
	for i := range r.IntN(40) {
		var child *Node
		switch k := r.IntN(10); {
		case k < 2 && depth > 0:
			child = randomTree(r, files, depth-1)
		case k == 2:
			child = link(strings.Repeat("t", 1+r.IntN(MaxTarget)))
		case k == 3 && len(before) > 0:
			child = before[r.IntN(len(before))]
		default:
			child = files.file(r.Uint64(), r.IntN(3)*r.IntN(9000))
			child.Mode |= fs.FileMode(r.IntN(2) * 0o111)
			before = append(before, child)
		}
		name := strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(60)) + fmt.Sprintf("%x\xff", i)
		n.Entries = append(n.Entries, entry(name, child))
	}
	return n
}

func TestRandomTrees(t *testing.T) {
	for seed := range uint64(12) {
		files := contents{}
		check(t, randomTree(rand.New(rand.NewPCG(seed, 1)), files, 3), files)
	}
}

// What an image is depends on the tree alone, not on the order of its entries.
func TestSame(t *testing.T) {
	var images [2][]byte
	for i := range images {
		files := contents{}
		entries := []Entry{entry("a", files.file(1, 5000)), entry("b", link("a")), entry("c", dir(entry("x", files.file(2, 1))))}
		if i == 1 {
			entries[0], entries[2] = entries[2], entries[0]
		}
		_, name := image(t, dir(entries...), files)
		images[i], _ = os.ReadFile(name)
	}
	if len(images[0]) == 0 || !bytes.Equal(images[0], images[1]) {
		t.Error("two images of one tree differ")
	}
}

func TestErrors(t *testing.T) {
	deep := func(n *Node) *Node { return dir(entry("d", dir(entry("x", n)))) }
	files := contents{}
	shrunk, grown := files.file(1, 9), files.file(1, 1)
	shrunk.Size = 10
	files[grown] = []byte{1, 2}
	tests := map[string]struct {
		root  *Node
		label string
		want  string
	}{
		"shrunk":  {root: deep(shrunk), want: "add d/x: its size changed while it was read"},
		"grown":   {root: deep(grown), want: "add d/x: its size changed while it was read"},
		"missing": {root: deep(file(1)), want: "open d/x: file does not exist"},
		"twice":   {root: dir(entry("a", dir()), entry("a", dir())), want: `add : "a" is there twice`},
		"slash":   {root: deep(dir(entry("a/b", dir()))), want: `add d/x: "a/b" is no name`},
		"dots":    {root: dir(entry("..", dir())), want: `add : ".." is no name`},
		"long":    {root: dir(entry(strings.Repeat("z", 256), dir())), want: "a name has at most 255 bytes"},
		"target":  {root: deep(link("")), want: "add d/x: a link's target must have 1 to 4095 bytes, not 0"},
		"pipe":    {root: deep(&Node{Mode: fs.ModeNamedPipe}), want: "add d/x: neither a file, a directory nor a symbolic link"},
		"top":     {root: file(0), want: "the top of a file system must be a directory"},
		"label":   {root: dir(), label: strings.Repeat("l", 17), want: "has 17 bytes, EROFS takes at most 16"},
	}
	for name, tt := range tests {
		err := Write(t.Context(), &sparse{}, tt.root, files.open(tt.root), Options{Label: tt.label})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, &sparse{}, dir(), nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
