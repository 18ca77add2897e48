package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
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
		{bzImage, arm, arm, "is made for x86_64-linux, and the guest is aarch64-linux"},
		{image, "", arm, ""},
		{image, arm, arm, ""},
		{image, x86, x86, "is made for aarch64-linux, and the guest is x86_64-linux"},
		{"\x1f\x8b\x08", arm, arm, "is compressed with gzip: it must be unpacked first"},
		{"\x1f\x8b\x08", "", hostSystem(), "is compressed with gzip"},
		{"\x28\xb5\x2f\xfd", arm, arm, "is compressed with zstd"},
		{"MZ\x00\x00zimg", arm, arm, "is a compressed EFI program (zboot): "},
		{"MZ", arm, arm, "is no kernel for arm64: it should be an uncompressed Image"},
		{"", arm, arm, "is no kernel for arm64"},
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
