package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := Create(t.Context(), path, small); err != nil {
		t.Fatal(err)
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	before, cost := read(t, path), allocated(t, path)
	for _, step := range []struct {
		path       string
		size, want int64
	}{
		{path, MinSize, MinSize},
		{path, MinSize + 1, MinSize + BlockSize},
		{link, 64 << 20, 64 << 20},
		{path, 64<<20 - 1, 64 << 20},
	} {
		if err := Grow(t.Context(), step.path, step.size); err != nil {
			t.Errorf("to %d: %v", step.size, err)
		}
		if info, _ := os.Stat(path); info.Size() != step.want {
			t.Errorf("to %d: got %d, want %d", step.size, info.Size(), step.want)
		}
	}
	after := read(t, path)
	if after[:len(before)] != before || strings.Trim(after[len(before):], "\x00") != "" {
		t.Error("the content has changed, or what was added is not zeros")
	}
	if got := allocated(t, path); got != cost {
		t.Errorf("%d bytes allocated, before %d", got, cost)
	}
	checked(t, path)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGrowRefuses(t *testing.T) {
	content := func(s string) func(string) error {
		return func(p string) error { return os.WriteFile(p, []byte(s), 0o600) }
	}
	sectors := strings.Repeat("s", 16*SectorSize)
	for name, test := range map[string]struct {
		put  func(path string) error
		size int64
		want string
	}{
		"smaller":   {content(sectors), BlockSize, "has 8192 bytes, and an image never shrinks (4096)"},
		"negative":  {content(sectors), -1 << 40, "has 8192 bytes, and an image never shrinks (-1099511627776)"},
		"too large": {content(sectors), MaxSize + 1, "size 1099511627777: the largest image has 1TiB"},
		"nothing":   {func(string) error { return nil }, 1 << 30, "no such file or directory"},
		"dead link": {func(p string) error { return os.Symlink("nowhere", p) }, 1 << 30, "no such file or directory"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o700) }, 1 << 30, "is a directory, not a disk image"},
		"pipe":      {func(p string) error { return unix.Mkfifo(p, 0o600) }, 1 << 30, "is a named pipe, not a disk image"},
		"device":    {func(p string) error { return os.Symlink(os.DevNull, p) }, 1 << 30, "is a device, not a disk image"},
		"text":      {content("my notes\n"), 1 << 30, "is not a disk image: 9 bytes are not a whole number of sectors"},
		"qcow2":     {content("QFI\xfb" + sectors[4:]), 1 << 30, "is a qcow2 image, not a raw one"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.raw")
			if err := test.put(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			err := Grow(t.Context(), path, test.size)
			if want := "grow " + path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			after, _ := os.Lstat(path)
			if before != nil && (before.Size() != after.Size() || before.ModTime() != after.ModTime()) {
				t.Error("the target was touched")
			}
			if test.want == "no such file or directory" && !errors.Is(err, fs.ErrNotExist) {
				t.Error("not fs.ErrNotExist")
			}
		})
	}
}

func TestGrowLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(path, make([]byte, BlockSize), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		t.Fatal(err)
	}
	if err := Grow(t.Context(), path, 1<<30); err == nil || !strings.HasSuffix(err.Error(), "locked by another process") {
		t.Errorf("got %v", err)
	}
	if len(read(t, path)) != BlockSize {
		t.Error("has grown")
	}
}

func TestGrowCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Grow(ctx, path, BlockSize); !errors.Is(err, context.Canceled) || read(t, path) != "" {
		t.Errorf("got %v", err)
	}
}

// TestGrowTogether: whoever succeeds finds at least what was asked for, and the
// image never gets smaller.
func TestGrowTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range int64(64) {
		group.Go(func() {
			size := (i*37%64 + 1) * BlockSize
			err := Grow(t.Context(), path, size)
			if info, _ := os.Stat(path); err == nil && info.Size() < size {
				t.Errorf("grown to %d, but has %d", size, info.Size())
			}
		})
	}
	group.Wait()
}
