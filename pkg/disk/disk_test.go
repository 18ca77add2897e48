package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// small is an image that takes little time to make.
var small = Spec{Size: MinSize, Format: Ext4, Label: "nixos"}

// names returns what is in dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// wantNames fails unless dir holds exactly these names, in order.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func TestCheck(t *testing.T) {
	id := uuid.MustParse("11111111-2222-3333-4444-555555555555")
	for name, test := range map[string]struct {
		spec Spec
		want string // lines of the error
	}{
		"smallest":       {Spec{Size: MinSize, Format: Ext4}, ""},
		"largest":        {Spec{Size: MaxSize, Format: Ext4, Label: "sixteen bytes ok", UUID: id}, ""},
		"smallest blank": {Spec{Size: 1, Format: None}, `size 1: the smallest image has 4KiB`},
		"blank":          {Spec{Size: BlockSize, Format: None}, ""},
		"too small":      {Spec{Size: MinSize - 1, Format: Ext4}, `size 16777215: the smallest image has 16MiB`},
		"too large":      {Spec{Size: MaxSize + 1, Format: Ext4}, `size 1099511627777: the largest image has 1TiB`},
		"zero": {Spec{}, "format \"\": must be \"ext4\" or \"none\"\n" +
			"size 0: the smallest image has 4KiB"},
		"NUL":     {Spec{Size: MinSize, Format: Ext4, Label: "a\x00b"}, `label "a\x00b": must be printable ASCII`},
		"unicode": {Spec{Size: MinSize, Format: Ext4, Label: "dünn"}, `label "dünn": must be printable ASCII`},
		"all at once": {Spec{Size: -1, Format: Ext4, Label: "seventeen bytes!\n"}, "size -1: the smallest image has 16MiB\n" +
			"label \"seventeen bytes!\\n\": has 17 bytes, ext4 takes at most 16\n" +
			"label \"seventeen bytes!\\n\": must be printable ASCII"},
		"blank with ext4's fields": {Spec{Size: MinSize, Format: None, Label: "x", UUID: id},
			"label \"x\": only an ext4 image can have one\n" +
				"uuid 11111111-2222-3333-4444-555555555555: only an ext4 image can have one"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := test.spec.Check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestCreateRefusesBadSpec(t *testing.T) {
	dir := t.TempDir()
	if err := Create(t.Context(), filepath.Join(dir, "x.raw"), Spec{Format: Ext4}); err == nil {
		t.Error("no error")
	}
	wantNames(t, dir)
}

func TestCreateBlank(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := Create(t.Context(), path, Spec{Size: 1<<30 + 1, Format: None}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != 1<<30+BlockSize || info.Mode() != 0o600 || allocated(t, path) != 0 {
		t.Errorf("got size %d, mode %v, %d bytes allocated", info.Size(), info.Mode(), allocated(t, path))
	}
}

// TestCreateKeepsTarget puts each kind of thing where the image should go.
func TestCreateKeepsTarget(t *testing.T) {
	for name, test := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"a regular file": {func(p string) error { return os.WriteFile(p, []byte("precious"), 0o644) }, "a regular file"},
		"an empty file":  {func(p string) error { return os.WriteFile(p, nil, 0) }, "a regular file"},
		"a directory":    {func(p string) error { return os.Mkdir(p, 0o755) }, "a directory"},
		"a link":         {func(p string) error { return os.Symlink("/dev/null", p) }, "a symbolic link"},
		"a dead link":    {func(p string) error { return os.Symlink("nowhere", p) }, "a symbolic link"},
		"a pipe":         {func(p string) error { return unix.Mkfifo(p, 0o600) }, "a named pipe"},
		"a device":       {mknod, "a device"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.raw")
			if err := test.put(path); err != nil {
				t.Skip(err)
			}
			before, _ := os.Lstat(path)
			err := Create(t.Context(), path, small)
			if want := "create " + path + ": file already exists (" + test.want + ")"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if !errors.Is(err, fs.ErrExist) {
				t.Error("not fs.ErrExist")
			}
			after, _ := os.Lstat(path)
			if !os.SameFile(before, after) || before.ModTime() != after.ModTime() || before.Size() != after.Size() {
				t.Error("the target was touched")
			}
			wantNames(t, dir, "x.raw")
		})
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"no directory":  {filepath.Join(dir, "no", "x.raw"), "no such file or directory"},
		"not directory": {filepath.Join(file, "x.raw"), "not a directory"},
		"long name":     {filepath.Join(dir, strings.Repeat("n", 250)), "file name too long"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Create(t.Context(), test.path, small)
			if want := "create " + test.path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			wantNames(t, dir, "file")
		})
	}
}

func TestCreateCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, format := range []Format{Ext4, None} {
		dir := t.TempDir()
		err := Create(ctx, filepath.Join(dir, "x.raw"), Spec{Size: 1 << 30, Format: format})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", format, err)
		}
		wantNames(t, dir)
	}
}

// TestProgress: it grows, and ends at the whole, also when it all comes to
// nothing.
func TestProgress(t *testing.T) {
	var steps []int64
	path := filepath.Join(t.TempDir(), "x.raw")
	spec := Spec{Size: 2 << 30, Format: Ext4}
	ctx, cancel := context.WithCancel(t.Context())
	ctx = WithProgress(ctx, func(of string, done, total int64) {
		if of != path || total != spec.Size || done > total || len(steps) > 0 && done <= steps[len(steps)-1] {
			t.Errorf("%s: %d of %d, after %v", of, done, total, steps)
		}
		if steps = append(steps, done); len(steps) == 5 {
			cancel()
		}
	})
	if err := Create(ctx, path, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if len(steps) != 6 || steps[5] != spec.Size {
		t.Errorf("cancelled at the fifth step: %v", steps)
	}
	steps = nil
	if err := Create(WithProgress(t.Context(), func(_ string, done, _ int64) { steps = append(steps, done) }), path, spec); err != nil {
		t.Fatal(err)
	}
	if n := len(steps); n < 16 || steps[n-1] != spec.Size {
		t.Errorf("16 groups, but steps %v", steps)
	}
}
