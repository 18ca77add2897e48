package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/launchdoc"
)

// images returns the VM's disk images, whatever device each is on.
func (m *machine) images() []config.DiskStorageConfig {
	var images []config.DiskStorageConfig
	for _, device := range m.vm.Devices {
		switch d := device.(type) {
		case *config.VirtioBlk:
			images = append(images, d.DiskStorageConfig)
		case *config.NVMExpressController:
			images = append(images, d.DiskStorageConfig)
		case *config.USBMassStorage:
			images = append(images, d.DiskStorageConfig)
		}
	}
	return images
}

// checkImage reports a disk image that the VMM could not open. A missing one
// must be among those that the document says how to make.
func (m *machine) checkImage(d config.DiskStorageConfig) error {
	want := uint32(unix.R_OK | unix.W_OK)
	if d.ReadOnly {
		want = unix.R_OK
	}
	err := access(d.ImagePath, want)
	listed := slices.ContainsFunc(m.doc.Disks, func(l launchdoc.Disk) bool { return l.Path == d.ImagePath })
	if errors.Is(err, fs.ErrNotExist) && listed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

func (m *machine) temporary(image string) bool {
	for _, d := range m.doc.Disks {
		if d.Path == image && d.Temporary {
			return true
		}
	}
	return false
}
