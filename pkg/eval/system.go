package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
)

// readSystem reads boot.json of a system in the store. Kernel and initrd are
// given by their real paths, so that they can be opened without the system.
func readSystem(toplevel string) (*bootdoc.Document, error) {
	path := filepath.Join(toplevel, "boot.json")
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		err := fmt.Errorf("%s: no such file", path)
		return nil, fault.Hint(err, "NixOS 23.05 and newer make it, except for a container (boot.isContainer)")
	}
	if err != nil {
		return nil, err
	}
	doc, err := bootdoc.Bootspec(data)
	if err != nil {
		return nil, bootJSONError(path, err)
	}
	doc.Toplevel = toplevel
	for name, file := range map[string]*string{"kernel": &doc.Kernel, "initrd": &doc.Initrd} {
		if *file, err = filepath.EvalSymlinks(*file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return doc, nil
}

// bootJSONError is the error for a boot.json that bootdoc found wrong.
func bootJSONError(path string, err error) error {
	return fault.Hint(fault.Each(path, err), "the system must be built with nixvf's NixOS module and its boot.bootspec.extensions")
}

// maxBootJSON is more than package bootdoc takes, so that it is the one to say so.
const maxBootJSON = 64 << 20

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBootJSON))
}

// registrationFile is the file in the registration's store path that the guest
// loads into its Nix database. Files beside it may carry more for the guest.
const registrationFile = "registration"

// register returns the store path of the registration of the closure of paths.
// The same closure gives the same path. The registration is not in itself: its
// store path depends on its content.
func (e *evaluation) register(ctx context.Context, paths []string) (string, error) {
	closure, err := e.nix.Closure(ctx, paths)
	var data []byte
	if err == nil {
		data, err = e.nix.Registration(ctx, closure)
	}
	if err != nil {
		return "", sentence(err, "cannot read the Nix database")
	}
	files := map[string][]byte{registrationFile: data}
	if err := e.listMangled(ctx, closure, files); err != nil {
		return "", err
	}
	return e.keep(ctx, files)
}

// keep returns the store path of the registration, which consists of these files.
func (e *evaluation) keep(ctx context.Context, files map[string][]byte) (string, error) {
	link, err := e.link("registration")
	if err != nil {
		return "", err
	}
	if there, ok := kept(link, files); ok {
		return there, nil
	}
	dir := filepath.Join(e.temp, "nixvf-registration") // the store path's name
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	added, err := e.nix.Add(ctx, dir)
	if err != nil {
		return "", sentence(err, "cannot add the registration to the store")
	}
	if link == "" {
		return added, nil
	}
	return added, sentence(e.nix.Root(ctx, link, added), "cannot make the link %s", link)
}

// kept returns where link leads if these files are there and no others, kept by
// an earlier evaluation.
func kept(link string, files map[string][]byte) (string, bool) {
	target, err := os.Readlink(link)
	if err != nil || filepath.Dir(target) != bootdoc.StoreDir {
		return "", false
	}
	if entries, err := os.ReadDir(target); err != nil || len(entries) != len(files) {
		return "", false
	}
	for name, data := range files {
		there, err := os.ReadFile(filepath.Join(target, name))
		if err != nil || !bytes.Equal(there, data) {
			return "", false
		}
	}
	return target, true
}

// link returns the path of a garbage collector root by id, in a directory that
// exists then; "" where no such roots are wanted.
func (e *evaluation) link(name string) (string, error) {
	if e.NoLink {
		return "", nil
	}
	link := e.vm.Root(name)
	return link, os.MkdirAll(filepath.Dir(link), 0o700)
}

// tidyRoots removes the links to additional paths of earlier evaluations that
// nix has not replaced, since there were more of them: those to nothing in keep.
func (e *evaluation) tidyRoots(keep []string) error {
	dir := filepath.Dir(e.vm.Root("additional"))
	entries, err := os.ReadDir(dir)
	if e.NoLink || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		link := filepath.Join(dir, entry.Name())
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(entry.Name(), "additional") || slices.Contains(keep, target) {
			continue
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}
