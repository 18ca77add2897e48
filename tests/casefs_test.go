//go:build linux

package tests

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// caseFS is the program `casefs SOURCE TARGET`: it shows the directory SOURCE at
// TARGET, read-only, as a Mac's file system would. Names keep their case and are
// found in any: one that is not there finds the one that differs in case only,
// which is the same file by the same inode number. It ends when it is
// terminated, whoever uses it, or when TARGET is unmounted.
func caseFS() {
	if err := serveCaseFS(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "casefs:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveCaseFS(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: casefs SOURCE TARGET")
	}
	options := &fs.Options{MountOptions: fuse.MountOptions{
		FsName: "casefs", Options: []string{"ro"}, AllowOther: true, DirectMountStrict: true,
	}}
	server, err := fs.Mount(args[1], &caseNode{path: args[0]}, options)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan struct{})
	go func() {
		server.Wait()
		close(ended)
	}()
	select {
	case <-stop: // what lies above, an overlay for one, may need it still
		_ = syscall.Unmount(args[1], syscall.MNT_DETACH)
	case <-ended:
	}
	return nil
}

// caseNode is a file of the source, by its path there.
type caseNode struct {
	fs.Inode
	path string
}

var (
	_ fs.NodeLookuper   = (*caseNode)(nil)
	_ fs.NodeGetattrer  = (*caseNode)(nil)
	_ fs.NodeReaddirer  = (*caseNode)(nil)
	_ fs.NodeReadlinker = (*caseNode)(nil)
	_ fs.NodeOpener     = (*caseNode)(nil)
)

// Lookup implements [fs.NodeLookuper]. The exact name comes first: the source
// itself tells case apart.
func (n *caseNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var st syscall.Stat_t
	path := filepath.Join(n.path, name)
	err := syscall.Lstat(path, &st)
	if err == syscall.ENOENT {
		path = n.inAnyCase(name)
		err = syscall.Lstat(path, &st)
	}
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	out.FromStat(&st)
	return n.NewInode(ctx, &caseNode{path: path}, fs.StableAttr{Mode: st.Mode, Ino: st.Ino}), 0
}

// inAnyCase returns the path of what is called name but for its case, "" for none.
func (n *caseNode) inAnyCase(name string) string {
	entries, _ := os.ReadDir(n.path)
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name) {
			return filepath.Join(n.path, entry.Name())
		}
	}
	return ""
}

// Getattr implements [fs.NodeGetattrer].
func (n *caseNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	var st syscall.Stat_t
	if err := syscall.Lstat(n.path, &st); err != nil {
		return fs.ToErrno(err)
	}
	out.FromStat(&st)
	return 0
}

// Readdir implements [fs.NodeReaddirer].
func (n *caseNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	return fs.NewLoopbackDirStream(n.path)
}

// Readlink implements [fs.NodeReadlinker].
func (n *caseNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	target, err := os.Readlink(n.path)
	return []byte(target), fs.ToErrno(err)
}

// Open implements [fs.NodeOpener].
func (n *caseNode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fd, err := syscall.Open(n.path, int(flags)|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	return fs.NewLoopbackFile(fd), 0, 0
}
