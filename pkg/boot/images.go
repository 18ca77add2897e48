package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/shell"
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

// checkImage returns an error for a disk image that the VMM could not open. A missing one
// must be among those that the document says how to make.
func (m *machine) checkImage(d config.DiskStorageConfig) error {
	want := uint32(unix.R_OK | unix.W_OK)
	if d.ReadOnly {
		want = unix.R_OK
	}
	err := access(d.ImagePath, want)
	listed := slices.ContainsFunc(m.doc.Disks, func(l launchdoc.Disk) bool { return l.Path == d.ImagePath }) ||
		slices.ContainsFunc(m.doc.Images, func(i launchdoc.Image) bool { return i.Path == d.ImagePath })
	if errors.Is(err, fs.ErrNotExist) && listed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

// saySmaller says which disks are smaller than the document wants them, and how
// they grow. A larger one holds all that a smaller one would.
func (m *machine) saySmaller() {
	for _, d := range m.doc.Disks {
		info, err := os.Stat(d.Path)
		if err != nil || !info.Mode().IsRegular() || info.Size() >= d.Size {
			continue
		}
		m.Say("disk: %s has %s, but the VM should have %s: stop the VM and run nixvf-disk --grow %dM %s",
			d.Path, units.BytesSize(float64(info.Size())), units.BytesSize(float64(d.Size)), d.Size>>20, shell.Word(d.Path))
	}
}

func (m *machine) temporary(image string) bool {
	for _, d := range m.doc.Disks {
		if d.Path == image && d.Temporary {
			return true
		}
	}
	return false
}
