// Package sockets owns the directory of a VM's sockets, and how to connect to one.
// No other user of the host can have made that directory. It is the VM's run
// directory; if that path is too long for a socket, or contains characters that
// vfkit reads as part of a URL, it is in the user's runtime directory, or else has
// a name that nobody can guess. The VM's state directory records which directory
// it is, and that it belongs to this VM: a copy of a state directory is another
// VM.
//
// It imports only package place, which knows the state directory.
package sockets

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/nixvf/nixvf/pkg/place"
)

// shared is where directories of all users lie side by side.
const shared = "/tmp"

// Choose returns the directory for the sockets of a VM that is about to start.
// It makes nothing.
func Choose(vm place.VM, host place.Host, uid int) string {
	if place.HoldsSockets(vm.Run()) {
		return vm.Run()
	}
	if dir, err := recorded(vm); err == nil && Check(dir, uid) == nil {
		return dir
	}
	name := unguessable()
	for _, base := range bases(host, runtime.GOOS) {
		if dir := filepath.Join(base, "nixvf", name); Check(base, uid) == nil && place.HoldsSockets(dir) {
			return dir
		}
	}
	return shared + "/nixvf-" + name
}

// bases are the directories that the system makes for a user alone (XDG base
// directory specification; on macOS, TMPDIR of each login).
func bases(host place.Host, system string) []string {
	list := []string{host.Env("XDG_RUNTIME_DIR")}
	if system == "darwin" {
		list = append(list, host.Env("TMPDIR"))
	}
	return list
}

func unguessable() string {
	name := make([]byte, 8)
	_, _ = rand.Read(name) // it never fails
	return hex.EncodeToString(name)
}

// Make makes the directory that [Choose] has returned, with nothing in it, and
// records it.
func Make(vm place.VM, dir string, uid int) error {
	if dir == vm.Run() {
		return nil // which is made with all else that is in it
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
		if err := errors.Join(Check(dir, uid), empty(dir)); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	owner, err := identity(vm)
	if err != nil {
		return err
	}
	return os.WriteFile(vm.SocketsRecord(), []byte(dir+"\n"+owner+"\n"), 0o600)
}

// Remove removes the sockets of a VM that has ended. Where directories of all
// users lie, an empty one stays, so that nobody else can take its name: a
// command that names one of its sockets may be in a shell's history.
func Remove(vm place.VM, dir string) error {
	if dir == vm.Run() {
		return nil
	}
	if filepath.Dir(dir) == shared {
		return empty(dir)
	}
	return errors.Join(os.RemoveAll(dir), os.Remove(vm.SocketsRecord()))
}

// Forget removes the directory that the VM's state directory names, which is
// about to go itself, if it is the user uid's.
func Forget(vm place.VM, uid int) error {
	dir, err := recorded(vm)
	if err != nil || Check(dir, uid) != nil {
		return nil
	}
	return os.RemoveAll(dir)
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// Find returns the directory with the sockets of a VM that runs, after a look
// at whose it is.
func Find(vm place.VM, uid int) (string, error) {
	dir := vm.Run()
	if !place.HoldsSockets(dir) {
		var err error
		if dir, err = recorded(vm); err != nil {
			return "", err
		}
	}
	return dir, Check(dir, uid)
}

// recorded returns the directory that the VM's state directory names.
func recorded(vm place.VM) (string, error) {
	data, err := os.ReadFile(vm.SocketsRecord())
	if err != nil {
		return "", err
	}
	dir, owner, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), "\n")
	own, err := identity(vm)
	switch {
	case err != nil:
		return "", err
	case !filepath.IsAbs(dir) || !place.HoldsSockets(dir):
		return "", fmt.Errorf("%s: %q is not a directory for sockets", vm.SocketsRecord(), dir)
	case owner != own:
		return "", fmt.Errorf("%s: it belongs to the VM that this one is a copy of", vm.SocketsRecord())
	}
	return dir, nil
}

// identity tells a VM from a copy of its state directory. A directory that is
// moved stays what it is.
func identity(vm place.VM) (string, error) {
	info, err := os.Stat(vm.Dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("%s: no inode", vm.Dir)
	}
	return fmt.Sprintf("inode %d", stat.Ino), nil
}

// Check returns an error for a directory in which somebody else than the user
// uid could have made a socket.
func Check(dir string, uid int) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s: not a directory", dir)
	case !ok || int(stat.Uid) != uid:
		return fmt.Errorf("%s: belongs to another user", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s: other users can access it (mode %#o)", dir, info.Mode().Perm())
	}
	return nil
}
