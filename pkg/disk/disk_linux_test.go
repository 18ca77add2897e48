package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a file system of so many bytes.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestCreateOnFullDisk(t *testing.T) {
	dir := tmpfs(t, "64k")
	path := filepath.Join(dir, "x.raw")
	err := Create(t.Context(), path, Spec{Size: 1 << 30, Format: Ext4})
	if want := "create " + path + ": no space left on device"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Error("not ENOSPC")
	}
	wantNames(t, dir)
}

func TestCreateOnReadOnlyDisk(t *testing.T) {
	dir := tmpfs(t, "1m")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.raw")
	if err := Create(t.Context(), path, small); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v", err)
	}
}

// TestCreateOnTmpfs: not every file system has directories to flush, or locks.
func TestCreateOnTmpfs(t *testing.T) {
	dir := tmpfs(t, "1m")
	path := filepath.Join(dir, "x.raw")
	if err := Create(t.Context(), path, small); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "x.raw")
	checked(t, path)
}

// TestMemory: go-diskfs leaves 3 MB of garbage for each group of 128 MiB.
func TestMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	out, err := helper(filepath.Join(t.TempDir(), "x.raw"), 20<<30).Output()
	if err != nil {
		t.Fatal(err)
	}
	var peak int64 // KiB
	if _, line, ok := strings.Cut(string(out), "VmHWM:"); ok {
		fmt.Sscan(line, &peak)
	}
	if peak == 0 || peak > 64<<10 {
		t.Errorf("took %d KiB of memory, want at most 64 MiB", peak)
	}
}
