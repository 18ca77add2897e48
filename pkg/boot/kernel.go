package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// guestSystem is the guest's platform: the document's, else what the kernel was
// made for, else the host's.
func (m *machine) guestSystem() string {
	if m.doc.System != "" {
		return m.doc.System
	}
	if linux, ok := m.vm.Bootloader.(*config.LinuxBootloader); ok {
		if head, err := readKernel(linux.VmlinuzPath); err == nil && head.system() != "" {
			return head.system()
		}
	}
	return vmm.HostSystem()
}

// checkKernel returns an error for a kernel that the VMM could not start. For arm64 that is
// anything but an uncompressed Image: Apple's Virtualization.framework unpacks
// nothing.
func (m *machine) checkKernel(path string) error {
	head, err := readKernel(path)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	system, made := m.guestSystem(), head.system()
	switch packed := head.packed(); {
	case made != "" && made != system:
		return fmt.Errorf("kernel: %s is for %s, but the guest is %s", path, made, system)
	case packed != "":
		return fault.Hint(fmt.Errorf("kernel: %s is %s: it must be decompressed first", path, packed),
			"the kernel's build has the unpacked one as arch/arm64/boot/Image")
	case system == "aarch64-linux" && made == "":
		return fmt.Errorf("kernel: %s is not an arm64 kernel: it should be an uncompressed Image", path)
	}
	return nil
}

// checkMemory reports RAM in which the kernel and its initrd have no room: the
// guest would end without a word.
func (m *machine) checkMemory(linux *config.LinuxBootloader) error {
	head, err := readKernel(linux.VmlinuzPath)
	kernel, missing := os.Stat(linux.VmlinuzPath)
	initrd, missing2 := os.Stat(linux.InitrdPath)
	if errors.Join(err, missing, missing2) != nil {
		return nil // which is said elsewhere
	}
	needs := max(head.needs(), uint64(kernel.Size())) + uint64(initrd.Size())
	if memory := m.vm.Memory.ToBytes(); uint64(memory) < needs {
		err := fmt.Errorf("memory: %d MiB are too few: the kernel and its initrd alone need %d", memory>>20, (needs+1<<20-1)>>20)
		return fault.Hint(err, "nixvf-args --memory, or virtualisation.memorySize, sets it")
	}
	return nil
}

// kernelHead is the beginning of a kernel's file, zeros where that is shorter.
type kernelHead [0x264]byte

func readKernel(path string) (head kernelHead, err error) {
	f, err := openRegular(path)
	if err != nil {
		return head, err
	}
	defer f.Close()
	if _, err = io.ReadFull(f, head[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head, err
}

// system is the platform that a kernel was made for: "HdrS" at 0x202 is an x86
// bzImage (Documentation/arch/x86/boot.rst), "ARM\x64" at 0x38 an arm64 Image
// (Documentation/arch/arm64/booting.rst). "" means that it is neither.
func (h kernelHead) system() string {
	switch {
	case string(h[0x202:0x206]) == "HdrS":
		return "x86_64-linux"
	case string(h[0x38:0x3c]) == "ARM\x64":
		return "aarch64-linux"
	}
	return ""
}

// needs is how many bytes of RAM a kernel needs before it can look for more: the
// fields init_size and image_size of the two headers. 0 means that it does not
// say.
func (h kernelHead) needs() uint64 {
	switch h.system() {
	case "x86_64-linux":
		return uint64(binary.LittleEndian.Uint32(h[0x260:]))
	case "aarch64-linux":
		return binary.LittleEndian.Uint64(h[0x10:])
	}
	return 0
}

// packed says how a kernel is compressed, "" when it is not: by its magic
// number (RFC 1952; RFC 8878; the kernel's
// drivers/firmware/efi/libstub/zboot-header.S).
func (h kernelHead) packed() string {
	switch {
	case string(h[:2]) == "\x1f\x8b":
		return "compressed with gzip"
	case string(h[:4]) == "\x28\xb5\x2f\xfd":
		return "compressed with zstd"
	case string(h[4:8]) == "zimg":
		return "a compressed EFI program (zboot)"
	}
	return ""
}
