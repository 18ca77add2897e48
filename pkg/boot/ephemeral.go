package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

const (
	// passingMark is a file in the state directory of an ephemeral VM. It says
	// that all that is there can go when nobody has the VM's lock.
	passingMark = "ephemeral"
	// passing begins the name of a directory that is made, until it has mark and
	// lock, or that is removed. No id begins with a dot.
	passing = ".passing-"
	// passesIn is how long either takes, at most.
	passesIn = time.Minute
)

// ephemeral makes the state directory of an ephemeral VM, and takes the VM's
// lock. At no moment is there one that could be taken for another VM's.
func ephemeral(vm place.VM) (*lock.Lock, error) {
	state := filepath.Dir(vm.Dir)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(state, passing)
	if err != nil {
		return nil, err
	}
	l, err := lock.Take(filepath.Join(dir, filepath.Base(vm.Lock())))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, passingMark), nil, 0o600)
	}
	if err == nil {
		err = os.Rename(dir, vm.Dir)
	}
	if err == nil {
		return l, nil
	}
	if l != nil {
		l.Close()
	}
	if errors.Is(err, fs.ErrExist) {
		err = fault.Hint(fmt.Errorf("%s is there already", vm.Dir), "nixvf-args --ephemeral makes a document for another VM")
	}
	return nil, errors.Join(err, removeTree(dir))
}

// sweep removes what ephemeral VMs left whose nixvf-boot was killed. What cannot
// be removed now, a later start tries again.
func sweep(h place.Host, uid int) {
	state, err := h.State()
	disks, noDisks := h.DiskLocks()
	if err != nil || noDisks != nil {
		return
	}
	entries, _ := os.ReadDir(state)
	for _, e := range entries {
		dir := filepath.Join(state, e.Name())
		if e.IsDir() && passed(dir) {
			_ = Remove(place.VM{ID: e.Name(), Dir: dir}, disks, uid)
		}
	}
}

// passed reports whether a directory is an ephemeral VM's that runs no more, or
// one that somebody was killed over who made or removed it.
func passed(dir string) bool {
	if strings.HasPrefix(filepath.Base(dir), passing) {
		info, err := os.Lstat(dir)
		if err != nil || time.Since(info.ModTime()) < passesIn {
			return false
		}
	} else if _, err := os.Lstat(filepath.Join(dir, passingMark)); err != nil {
		return false
	}
	held, err := lock.Look(place.VM{Dir: dir}.Lock())
	return err == nil && held == nil
}
