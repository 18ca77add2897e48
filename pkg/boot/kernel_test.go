package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// TestKernel tells kernels apart by the beginnings of their files.
func TestKernel(t *testing.T) {
	const x86, arm = "x86_64-linux", "aarch64-linux"
	image := strings.Repeat("\x00", 0x38) + "ARM\x64"
	bzImage := strings.Repeat("\x00", 0x202) + "HdrS"
	tests := []struct {
		head, documented string
		system           string
		err              string
	}{
		{bzImage, "", x86, ""},
		{bzImage, x86, x86, ""},
		{bzImage, arm, arm, "is for x86_64-linux, but the guest is aarch64-linux"},
		{image, "", arm, ""},
		{image, arm, arm, ""},
		{image, x86, x86, "is for aarch64-linux, but the guest is x86_64-linux"},
		{"\x1f\x8b\x08", arm, arm, "is compressed with gzip: it must be decompressed first"},
		{"\x1f\x8b\x08", "", vmm.HostSystem(), "is compressed with gzip"},
		{"\x28\xb5\x2f\xfd", arm, arm, "is compressed with zstd"},
		{"MZ\x00\x00zimg", arm, arm, "is a compressed EFI program (zboot): "},
		{"MZ", arm, arm, "is not an arm64 kernel: it should be an uncompressed Image"},
		{"", arm, arm, "is not an arm64 kernel"},
		{"", x86, x86, ""}, // an x86 VMM says itself what it can start
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "kernel")
		if err := os.WriteFile(path, []byte(tt.head), 0o600); err != nil {
			t.Fatal(err)
		}
		m := &machine{
			doc: &launchdoc.Document{System: tt.documented},
			vm:  &config.VirtualMachine{Bootloader: config.NewLinuxBootloader(path, "", "")},
		}
		if got := m.guestSystem(); got != tt.system {
			t.Errorf("%q in %q: a guest of %s, want %s", tt.head, tt.documented, got, tt.system)
		}
		err := m.checkKernel(path)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q in %q: %v, want %q", tt.head, tt.documented, err, tt.err)
		}
	}
}

// TestMemory: RAM must hold what a kernel says that it needs, or its file, and
// the initrd.
func TestMemory(t *testing.T) {
	x86 := strings.Repeat("\x00", 0x202) + "HdrS" + strings.Repeat("\x00", 0x260-0x206) + "\x00\x00\x00\x02" // 32 MiB
	arm := strings.Repeat("\x00", 0x10) + "\x01\x00\x00\x02" + strings.Repeat("\x00", 0x38-0x14) + "ARM\x64" // and one byte
	dir := t.TempDir()
	initrd := filepath.Join(dir, "initrd")
	for _, tt := range []struct {
		kernel string
		memory uint64
		err    string
	}{
		{x86, 36, ""},
		{x86, 35, "memory: 35 MiB are too few: the kernel and its initrd alone need 36"},
		{arm, 37, ""},
		{arm, 36, "memory: 36 MiB are too few: the kernel and its initrd alone need 37"},
		{"some other kernel", 5, ""},
		{"some other kernel", 4, "memory: 4 MiB are too few"},
	} {
		path := filepath.Join(dir, "kernel")
		if err := errors.Join(os.WriteFile(path, []byte(tt.kernel), 0o600), os.WriteFile(initrd, make([]byte, 4<<20), 0o600)); err != nil {
			t.Fatal(err)
		}
		linux := config.NewLinuxBootloader(path, "", initrd)
		m := &machine{vm: config.NewVirtualMachine(1, tt.memory, linux)}
		err := m.checkMemory(linux)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q, %d MiB: %v, want %q", tt.kernel[:4], tt.memory, err, tt.err)
		}
	}
}
