package exchange

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

// A guest with an image of its store is told of no path that is not in it.
func TestHandOverToImage(t *testing.T) {
	vm := place.VM{ID: "web", Dir: t.TempDir()}
	if err := errors.Join(os.MkdirAll(filepath.Join(vm.Run(), "xchg"), 0o700), os.Symlink("/cache/x.img", vm.StoreImage())); err != nil {
		t.Fatal(err)
	}
	err := HandOver(t.Context(), vm, &nix.Nix{}, []string{"/nix/store/x"})
	if want := "web: the guest's store is an image, and new paths cannot appear in it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestPut has a guest put something in the file's place.
func TestPut(t *testing.T) {
	home := t.TempDir()
	precious := filepath.Join(home, ".bashrc")
	for name, trap := range map[string]func(path string) error{
		"nothing":              func(string) error { return nil },
		"a file":               func(path string) error { return os.WriteFile(path, []byte("old"), 0o600) },
		"a link":               func(path string) error { return os.Symlink(precious, path) },
		"a relative link":      func(path string) error { return os.Symlink("../.bashrc", path) },
		"a link to no file":    func(path string) error { return os.Symlink(filepath.Join(home, "new"), path) },
		"another name of it":   func(path string) error { return os.Link(precious, path) },
		"a directory, with it": func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(home, "xchg")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "registration")
			if err := trap(path); err != nil {
				t.Fatal(err)
			}
			err := Put(dir, "registration", []byte("data"))
			if text, _ := os.ReadFile(precious); string(text) != "precious" {
				t.Errorf("the host's file holds %q", text)
			}
			if _, err := os.Lstat(filepath.Join(home, "new")); err == nil {
				t.Error("a file of the host's was made")
			}
			if name == "a directory, with it" {
				if left, _ := os.ReadDir(dir); err == nil || len(left) != 1 {
					t.Errorf("%v, %v", err, left)
				}
				return
			}
			info, _ := os.Lstat(path)
			if text, _ := os.ReadFile(path); err != nil || string(text) != "data" || !info.Mode().IsRegular() {
				t.Errorf("%v, %q", err, text)
			}
		})
	}
	if err := os.Symlink(home, filepath.Join(home, "link")); err != nil {
		t.Fatal(err)
	}
	if err := Put(filepath.Join(home, "link"), "x", nil); err == nil {
		t.Error("a link in the directory's place is followed")
	}
}
