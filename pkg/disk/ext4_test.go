package disk

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

func mknod(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) }

// allocated returns how many bytes of the file's size are really there.
func allocated(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// tool runs a program of e2fsprogs and returns its output. Where it is missing
// the test is skipped, but not in tests/run.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	// Debian keeps them off the path of ordinary users.
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	switch {
	case err != nil && os.Getenv("NIXVF_GUEST") != "":
		t.Fatalf("%s is needed: %v", name, err)
	case err != nil:
		t.Skipf("%s is missing: not checked", name)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// checked runs e2fsck, which must find nothing to say.
func checked(t testing.TB, path string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(tool(t, "e2fsck", "-fn", path)), "\n")
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "e2fsck "), strings.HasPrefix(line, "Pass "), strings.Contains(line, " files ("):
		default:
			t.Errorf("e2fsck says %q", line)
		}
	}
}

// header returns the fields that dumpe2fs shows of the superblock.
func header(t testing.TB, path string) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for _, line := range strings.Split(tool(t, "dumpe2fs", "-h", path), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok {
			fields[key] = strings.TrimSpace(value)
		}
	}
	return fields
}

// open reads the image with the library that wrote it.
func open(t testing.TB, path string) *ext4.FileSystem {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	image, err := ext4.Read(file.New(f, true), info.Size(), 0, SectorSize)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

const group = blocksPerGroup * BlockSize

func TestExt4Sizes(t *testing.T) {
	sizes := []int64{
		MinSize, MinSize + 1, MinSize + BlockSize - 1, 17 << 20, 20_000_001, 100 << 20,
		group - 1, group, group + 1, group + 1<<20, group + 2<<20, group + 3<<20,
		2*group + 12345, 511 << 20, 512<<20 - 1, 512 << 20, 1 << 30, 8*group + 1, 8*group + 3<<20,
		9*group + 3<<20, 3_333_333_333, 5_000_000_000,
	}
	if !raceEnabled {
		sizes = append(sizes, 20<<30)
	}
	if !raceEnabled && os.Getenv("NIXVF_GUEST") != "" {
		sizes = append(sizes, 64<<30, 100_000_000_001, 256<<30)
	}
	if !raceEnabled && os.Getenv("NIXVF_FULL") != "" {
		sizes = append(sizes, MaxSize)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.raw")
			if err := Create(t.Context(), path, Spec{Size: size, Format: Ext4, Label: "nixos"}); err != nil {
				t.Fatal(err)
			}
			inspect(t, path, size)
		})
	}
}

// inspect checks the image in every way that there is here.
func inspect(t *testing.T, path string, size int64) {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < size || info.Size() >= size+BlockSize || info.Size()%BlockSize != 0 || info.Mode() != 0o600 {
		t.Errorf("got size %d, mode %v", info.Size(), info.Mode())
	}
	groups := (size + group - 1) / group
	if got, limit := allocated(t, path), 80<<10+6<<10*groups; got > limit {
		t.Errorf("%d bytes allocated, want at most %d", got, limit)
	}
	image := open(t, path)
	if label := image.Label(); label != "nixos" {
		t.Errorf("label %q", label)
	}
	found, err := image.Stat("lost+found")
	if err != nil || found.Mode() != fs.ModeDir|0o700 {
		t.Errorf("lost+found: %v, %v", found, err)
	}
	checked(t, path)
	// What a boot does: repairs what needs no asking, of which there is nothing.
	if said := tool(t, "e2fsck", "-p", path); !strings.HasPrefix(said, "nixos: clean, 11/") {
		t.Errorf("e2fsck -p says %q", said)
	}
	fields := header(t, path)
	if got := fields["Filesystem features"]; got != features {
		t.Errorf("features %s\n    want %s", got, features)
	}
	var blocks, inodes int64
	fmt.Sscan(fields["Block count"], &blocks)
	fmt.Sscan(fields["Inode count"], &inodes)
	if fields["Block size"] != "4096" || info.Size()-blocks*BlockSize > 3<<20 {
		t.Errorf("%s blocks of %s for %d bytes", fields["Block count"], fields["Block size"], info.Size())
	}
	if density := blocks * BlockSize / inodes; density > inodeRatio+8 || density < inodeRatio*9/10 {
		t.Errorf("one inode for each %d bytes", density)
	}
	for field, want := range map[string]string{
		"Desired extra isize": "32", "Maximum mount count": "-1", "Default directory hash": "half_md4",
		"Filesystem flags": "signed_directory_hash", "Journal backup": "inode blocks", "Filesystem state": "clean",
	} {
		if got := fields[field]; got != want {
			t.Errorf("%s %q, want %q", field, got, want)
		}
	}
}

const features = "has_journal ext_attr dir_index filetype extent 64bit flex_bg metadata_csum_seed " +
	"sparse_super large_file huge_file dir_nlink extra_isize metadata_csum"

func TestExt4Identity(t *testing.T) {
	id := uuid.New()
	made := func(spec Spec) map[string]string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x.raw")
		if err := Create(t.Context(), path, spec); err != nil {
			t.Fatal(err)
		}
		checked(t, path)
		return header(t, path)
	}
	given := made(Spec{Size: MinSize, Format: Ext4, Label: "sixteen bytes ok", UUID: id})
	if given["Filesystem UUID"] != id.String() || given["Filesystem volume name"] != "sixteen bytes ok" {
		t.Errorf("got UUID %q, label %q", given["Filesystem UUID"], given["Filesystem volume name"])
	}
	one, two := made(Spec{Size: MinSize, Format: Ext4}), made(Spec{Size: MinSize, Format: Ext4})
	for _, field := range []string{"Filesystem UUID", "Directory Hash Seed"} {
		if one[field] == two[field] || one[field] == "" {
			t.Errorf("%s %q is not random", field, one[field])
		}
	}
	if one["Filesystem volume name"] != "<none>" {
		t.Errorf("got label %q, want none", one["Filesystem volume name"])
	}
}
