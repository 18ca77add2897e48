// Package roots keeps the store paths of running VMs from garbage collection.
//
// Each VM has a directory of links beside those of nixvf-eval, named after the
// identity of the process that runs it: ID/roots/PID-START. The links are indirect
// roots. nix-store makes them, since only a daemon may write to
// /nix/var/nix/gcroots. The start of any VM removes the roots of ended VMs.
//
// It does not know documents and VMMs.
package roots

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/identity"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

// Roots are the roots of one VM.
type Roots struct {
	dir  string
	done chan struct{} // closed when nix-store has ended
	err  error
}

// heir is the file in a VM's directory that names another process whose life
// keeps the roots too.
const heir = "heir"

// Check reports paths that are no store paths, and store paths that are in the
// store no more.
func Check(paths []string) error {
	for _, path := range paths {
		if filepath.Dir(path) != bootdoc.StoreDir {
			return fmt.Errorf("roots: %s is not directly in %s", path, bootdoc.StoreDir)
		}
	}
	return checkPresent(paths)
}

// checkPresent reports paths that are not there.
func checkPresent(paths []string) error {
	var gone []string
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, path)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := fmt.Errorf("roots: %s is no longer in the store", gone[0])
	if len(gone) > 1 {
		err = fmt.Errorf("roots: %s and %d more are no longer in the store", gone[0], len(gone)-1)
	}
	return fault.Hint(err, "it was garbage collected after the configuration was evaluated: run nixvf-eval again")
}

// Take makes paths, which are store paths, roots for as long as this process
// lives, or its heir. It returns as soon as they are safe: at once when
// nixvf-eval's links keep them until nix-store has made the new ones, which
// takes longer than all else that a start does. [Roots.Wait] tells how that
// went.
func Take(ctx context.Context, vm place.VM, paths []string) (*Roots, error) {
	self, err := identity.Of(os.Getpid())
	if err != nil {
		return nil, err
	}
	Prune(filepath.Dir(vm.Dir))
	r := &Roots{dir: vm.Root(self.String()), done: make(chan struct{})}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	covered := kept(filepath.Dir(r.dir), paths)
	go func() { // to its end: the VM may outlive what ctx is about
		defer close(r.done)
		r.err = link(context.WithoutCancel(ctx), filepath.Join(r.dir, "root"), paths)
	}()
	if covered {
		return r, nil
	}
	<-r.done
	if err := checkPresent(paths); err != nil { // collected just before
		return nil, errors.Join(err, r.Release())
	}
	return r, nil
}

// Add makes paths, which are store paths, roots of a VM that runs, for as long as it
// does. process is the one that runs it. The same paths again change nothing.
func Add(ctx context.Context, vm place.VM, process string, paths []string) error {
	dir := vm.Root(process)
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.Join(paths, "\x00")))
	if err := link(ctx, filepath.Join(dir, "added-"+hex.EncodeToString(sum[:8])), paths); err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	return checkPresent(paths)
}

// link has nix-store make the links: path, path-2 and so on.
func link(ctx context.Context, path string, targets []string) error {
	targets = slices.DeleteFunc(slices.Clone(targets), builds)
	if len(targets) == 0 {
		return nil
	}
	var said strings.Builder
	n, err := nix.FindStore(nix.Log{Stderr: &said})
	if err != nil {
		return err
	}
	if err := n.Root(ctx, path, targets...); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// builds reports whether nix-store would build a path that it is asked to
// realise: a derivation, or a link that leads to one or into one.
func builds(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err != nil || strings.Contains(path+"/", ".drv/") || strings.Contains(real+"/", ".drv/")
}

// kept reports whether each of paths has a link in dir.
func kept(dir string, paths []string) bool {
	entries, _ := os.ReadDir(dir)
	var targets []string
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
			targets = append(targets, target)
		}
	}
	return !slices.ContainsFunc(paths, func(path string) bool { return !slices.Contains(targets, path) })
}

// Wait returns when nix-store has ended, with its error.
func (r *Roots) Wait() error {
	<-r.done
	return r.err
}

// Heir names a process that needs the paths for as long as it lives, whatever
// becomes of this one.
func (r *Roots) Heir(pid int) error {
	process, err := identity.Of(pid)
	if errors.Is(err, fs.ErrNotExist) { // it has ended already
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, heir), []byte(process.String()), 0o600)
}

// Release ends the roots of a VM that has ended.
func (r *Roots) Release() error {
	<-r.done
	return os.RemoveAll(r.dir)
}

// Prune removes the roots of VMs that are gone, of all VMs under the state
// directory. One that it cannot remove does no harm.
func Prune(state string) {
	dirs, _ := fs.Glob(os.DirFS(state), "*/roots/*-*")
	for _, name := range dirs {
		dir := filepath.Join(state, name)
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() {
			continue
		}
		if owner, err := identity.Parse(filepath.Base(dir)); err == nil && !owner.Alive() && !heirAlive(dir) {
			os.RemoveAll(dir)
		}
	}
}

func heirAlive(dir string) bool {
	word, err := os.ReadFile(filepath.Join(dir, heir))
	if err != nil {
		return false
	}
	process, err := identity.Parse(string(word))
	return err == nil && process.Alive()
}
