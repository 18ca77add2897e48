package roots

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/identity"
	"github.com/nixvf/nixvf/pkg/place"
)

// machine returns a VM's place in a new state directory, with a nix-store in
// PATH that makes the links and waits for the file "go" first.
func machine(t *testing.T) (vm place.VM, paths []string) {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
until [ -e ` + dir + `/go ]; do sleep 0.01; done
link=$2 && shift 4
for path; do ln -s "$path" "$link" && link=$link-2; done
`
	write(t, filepath.Join(dir, "nix-store"), script)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	paths = []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for _, path := range paths {
		write(t, path, "")
	}
	return place.VM{ID: "vm", Dir: filepath.Join(dir, "state", "vm")}, paths
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o700)); err != nil {
		t.Fatal(err)
	}
}

// links counts the VM's links, nixvf-eval's among them.
func links(t *testing.T, vm place.VM) int {
	t.Helper()
	count := 0
	err := filepath.WalkDir(vm.Root(""), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSymlink {
			count++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestTake does not wait for nix-store while nixvf-eval's links keep the paths,
// and waits without them.
func TestTake(t *testing.T) {
	vm, paths := machine(t)
	for i, path := range paths {
		link := vm.Root([]string{"system", "registration"}[i])
		if err := errors.Join(os.MkdirAll(vm.Root(""), 0o700), os.Symlink(path, link)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Take(context.Background(), vm, paths)
	if err != nil {
		t.Fatal(err)
	}
	if n := links(t, vm); n != 2 {
		t.Errorf("%d links before nix-store has ended", n)
	}
	write(t, filepath.Join(filepath.Dir(paths[0]), "go"), "")
	if err := r.Wait(); err != nil || links(t, vm) != 4 {
		t.Errorf("%v, %d links, want 4", err, links(t, vm))
	}
	if err := r.Release(); err != nil || links(t, vm) != 2 {
		t.Errorf("%v, %d links are left, want 2", err, links(t, vm))
	}
	if err := os.Remove(vm.Root("system")); err != nil {
		t.Fatal(err)
	}
	if _, err = Take(context.Background(), vm, paths); err != nil || links(t, vm) != 3 {
		t.Errorf("%v, %d links without nixvf-eval's, want 3", err, links(t, vm))
	}
}

func TestCollectedBefore(t *testing.T) {
	vm, paths := machine(t)
	write(t, filepath.Join(filepath.Dir(paths[0]), "go"), "")
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(context.Background(), vm, paths); err == nil || !strings.Contains(err.Error(), paths[1]) {
		t.Errorf("%v", err)
	}
	if n := links(t, vm); n != 0 {
		t.Errorf("%d links are left", n)
	}
}

// TestCheck refuses what is not directly in the store: nix-store would look for
// the store path that it lies in.
func TestCheck(t *testing.T) {
	for path, want := range map[string]string{
		"/nix/store/x.drv/x":       "is not directly in /nix/store",
		"/home/ann/link":           "is not directly in /nix/store",
		"/nix/store":               "is not directly in /nix/store",
		"/nix/store/nixvf-nothing": "is no longer in the store",
	} {
		if err := Check([]string{path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestNothingIsBuilt keeps derivations from nix-store, which would build them,
// whatever leads to one.
func TestNothingIsBuilt(t *testing.T) {
	vm, paths := machine(t)
	dir := filepath.Dir(paths[0])
	write(t, filepath.Join(dir, "go"), "")
	write(t, filepath.Join(dir, "x.drv"), "")
	write(t, filepath.Join(dir, "dir.drv", "x"), "")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink("x.drv", filepath.Join(dir, "link")))
	must(os.Symlink("link", filepath.Join(dir, "link-to-link")))
	must(os.Symlink("dir.drv/x", filepath.Join(dir, "link-into")))
	for _, name := range []string{"x.drv", "dir.drv/x", "link", "link-to-link", "link-into"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	r, err := Take(context.Background(), vm, paths)
	must(err)
	must(r.Wait())
	if n := links(t, vm); n != 2 {
		t.Errorf("%d links, want those of the first two paths", n)
	}
}

// TestNoNixStore lets a VM run unprotected, and says so.
func TestNoNixStore(t *testing.T) {
	vm, paths := machine(t)
	t.Setenv("PATH", "")
	r, err := Take(context.Background(), vm, paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err == nil {
		t.Error("no error without nix-store")
	}
}

// TestPrune removes the roots of dead processes, unless the VMM lives on.
func TestPrune(t *testing.T) {
	vm, _ := machine(t)
	self, err := identity.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dead := self
	dead.Start += "1"
	vmm := exec.Command("sleep", "1000")
	if err := vmm.Start(); err != nil {
		t.Fatal(err)
	}
	of := func(p identity.Process) *Roots {
		r := &Roots{dir: vm.Root(p.String())}
		write(t, filepath.Join(r.dir, "mark"), "")
		return r
	}
	of(self)
	if err := of(dead).Heir(vmm.Process.Pid); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(vm.Root("not-a-process"), "mark"), "")
	left := func() int {
		Prune(filepath.Dir(vm.Dir))
		entries, err := os.ReadDir(vm.Root(""))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := left(); n != 3 {
		t.Errorf("%d directories, want 3: the VMM lives", n)
	}
	if err := vmm.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = vmm.Wait()
	if n := left(); n != 2 {
		t.Errorf("%d directories, want 2: the VMM has ended", n)
	}
}
