package storeimage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/erofs/go-erofs"

	"github.com/nixvf/nixvf/pkg/disk"
)

// store makes a store with these files: a name that ends in a slash is a
// directory, "-> x" is a link to x, and "x!" is a program.
func store(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		parent := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, path)
		} else if !strings.HasSuffix(name, "/") {
			mode := fs.FileMode(0o644)
			if strings.HasSuffix(content, "!") {
				mode = 0o700
			}
			err = os.WriteFile(path, []byte(content), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func paths(store string, names ...string) (all []string) {
	for _, name := range names {
		all = append(all, filepath.Join(store, name))
	}
	return all
}

// listing lists all that is in an image: type and permissions, owner and time,
// and what it holds.
func listing(t *testing.T, image string) map[string]string {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fsys, err := erofs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*erofs.Stat)
		if stat.UID != 0 || stat.GID != 0 || stat.Mtime != storeTime {
			t.Errorf("%s: %+v", name, stat)
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			text += " " + string(content)
		}
		if info.Mode().Type() == fs.ModeSymlink {
			target, err := fsys.(interface{ ReadLink(string) (string, error) }).ReadLink(name)
			if err != nil {
				return err
			}
			text += " -> " + target
		}
		found[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCreate(t *testing.T) {
	dir := store(t, map[string]string{
		"a-tree/bin/tool":    "run me!",
		"a-tree/empty/":      "",
		"a-tree/none":        "",
		"a-tree/share/\xff":  "any bytes",
		"a-tree/link":        "-> ../b-file",
		"b-file":             "content",
		"c-link":             "-> /nix/store/nowhere",
		"secret-not-in-here": "no",
	})
	image := filepath.Join(t.TempDir(), "store.img")
	spec := Spec{Store: dir, Paths: paths(dir, "c-link", "a-tree", "b-file", "a-tree")}
	if err := Create(t.Context(), image, spec); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		".":                 "drwxr-xr-x",
		"a-tree":            "dr-xr-xr-x",
		"a-tree/bin":        "dr-xr-xr-x",
		"a-tree/bin/tool":   "-r-xr-xr-x run me!",
		"a-tree/empty":      "dr-xr-xr-x",
		"a-tree/none":       "-r--r--r-- ",
		"a-tree/share":      "dr-xr-xr-x",
		"a-tree/share/\xff": "-r--r--r-- any bytes",
		"a-tree/link":       "Lrwxrwxrwx -> ../b-file",
		"b-file":            "-r--r--r-- content",
		"c-link":            "Lrwxrwxrwx -> /nix/store/nowhere",
	}
	if got := listing(t, image); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if info, err := os.Stat(image); err != nil || info.Mode() != 0o444 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(image)); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	again := filepath.Join(t.TempDir(), "again.img")
	if err := Create(t.Context(), again, spec); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(image)
	if second, _ := os.ReadFile(again); !bytes.Equal(first, second) {
		t.Error("the second image is another one")
	}
	if err := Create(t.Context(), image, spec); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an image: %v", err)
	}
}

// Files that an optimised store has linked together are one file in the image.
func TestHardLinks(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	dir := store(t, map[string]string{"a/f": big, "b/": "", ".links/h": ""})
	for _, name := range []string{".links/1", "b/g"} {
		if err := os.Link(filepath.Join(dir, "a/f"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "store.img")
	if err := Create(t.Context(), image, Spec{Store: dir, Paths: paths(dir, "a", "b")}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(image); err != nil || info.Size() > 1<<20+3*4096 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	found := listing(t, image)
	if found["a/f"] != "-r--r--r-- "+big || found["b/g"] != found["a/f"] {
		t.Errorf("%.40q, %.40q", found["a/f"], found["b/g"])
	}
}

// Mangled names are real ones in the image, where the store has a case hack.
func TestCaseHack(t *testing.T) {
	dir := store(t, map[string]string{
		"a/Dir/f":                     "1",
		"a/dir~nix~case~hack~1/f":     "2",
		"a/dir~nix~case~hack~1/F":     "3",
		"a/DIR~nix~case~hack~2":       "-> dir",
		"a/alone~nix~case~hack~1":     "4",
		"a/dir~nix~case~hack~1/Sub/x": "5",
	})
	image := func(hack bool) map[string]string {
		image := filepath.Join(t.TempDir(), "store.img")
		if err := Create(t.Context(), image, Spec{Store: dir, Paths: paths(dir, "a"), CaseHack: hack}); err != nil {
			t.Fatal(err)
		}
		return listing(t, image)
	}
	want := map[string]string{
		".": "drwxr-xr-x", "a": "dr-xr-xr-x", "a/Dir": "dr-xr-xr-x", "a/Dir/f": "-r--r--r-- 1", "a/dir": "dr-xr-xr-x",
		"a/dir/f": "-r--r--r-- 2", "a/dir/F": "-r--r--r-- 3", "a/DIR": "Lrwxrwxrwx -> dir",
		"a/alone~nix~case~hack~1": "-r--r--r-- 4", "a/dir/Sub": "dr-xr-xr-x", "a/dir/Sub/x": "-r--r--r-- 5",
	}
	if got := image(true); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if got := image(false); got["a/dir~nix~case~hack~1/f"] != "-r--r--r-- 2" {
		t.Errorf("without the hack: %q", got)
	}
}

// After an error nothing is left, and the message names what is the user's.
func TestErrors(t *testing.T) {
	dir := store(t, map[string]string{"a/f": "1", "b/": ""})
	target := t.TempDir()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx  context.Context
		path string
		spec Spec
		want string
	}{
		"missing":   {path: "x", spec: Spec{Store: dir, Paths: paths(dir, "c")}, want: "create TARGET/x: lstat STORE/c: no such file or directory"},
		"elsewhere": {path: "x", spec: Spec{Store: dir, Paths: paths(dir, "a/f")}, want: "create TARGET/x: STORE/a/f is not directly in STORE"},
		"directory": {path: "no/x", spec: Spec{Store: dir, Paths: paths(dir, "a")}, want: "create TARGET/no/x: no such file or directory"},
		"cancelled": {ctx: cancelled, path: "x", spec: Spec{Store: dir, Paths: paths(dir, "a")}, want: "create TARGET/x: context canceled"},
	}
	for name, tt := range tests {
		if tt.ctx == nil {
			tt.ctx = t.Context()
		}
		err := Create(tt.ctx, filepath.Join(target, tt.path), tt.spec)
		got := strings.NewReplacer(target, "TARGET", dir, "STORE").Replace(errText(err))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if left, err := os.ReadDir(target); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func errText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestProgress(t *testing.T) {
	dir := store(t, map[string]string{"a/f": strings.Repeat("x", 5<<20), "b": "1"})
	image := filepath.Join(t.TempDir(), "store.img")
	var calls int
	var last, whole int64
	ctx := disk.WithProgress(t.Context(), func(path string, done, total int64) {
		if path != image || done < last {
			t.Errorf("%s: %d after %d", path, done, last)
		}
		calls, last, whole = calls+1, done, total
	})
	start := time.Now()
	if err := Create(ctx, image, Spec{Store: dir, Paths: paths(dir, "a", "b")}); err != nil {
		t.Fatal(err)
	}
	if calls < 5 || last != 5<<20+1 || whole != last {
		t.Errorf("%d calls, %d of %d, %v", calls, last, whole, time.Since(start))
	}
}
