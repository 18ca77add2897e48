//go:build linux

package vz

import (
	"bytes"
	"io"
	"os"
	"strings"
	"time"
)

// StorageDeviceAttachment is what a disk's data is in.
type StorageDeviceAttachment interface{ storage() }

// StorageDeviceConfiguration is a disk.
type StorageDeviceConfiguration interface {
	Attachment() StorageDeviceAttachment
	id() string
}

// DiskImageCachingMode, DiskImageSynchronizationMode and DiskSynchronizationMode
// say how writes reach the host's disk.
type (
	DiskImageCachingMode         int
	DiskImageSynchronizationMode int
	DiskSynchronizationMode      int
)

// The modes that vfkit uses.
const (
	DiskImageCachingModeCached        DiskImageCachingMode         = 2
	DiskImageSynchronizationModeFsync DiskImageSynchronizationMode = 2
	DiskSynchronizationModeFull       DiskSynchronizationMode      = 0
	DiskSynchronizationModeNone       DiskSynchronizationMode      = 1
)

// DiskImageStorageDeviceAttachment is a disk image.
type DiskImageStorageDeviceAttachment struct {
	path     string
	readOnly bool
}

func (*DiskImageStorageDeviceAttachment) storage() {}

// NewDiskImageStorageDeviceAttachmentWithCacheAndSync takes raw images alone:
// there the framework reads sectors of 512 bytes.
func NewDiskImageStorageDeviceAttachmentWithCacheAndSync(path string, readOnly bool, _ DiskImageCachingMode, _ DiskImageSynchronizationMode) (*DiskImageStorageDeviceAttachment, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err // of Code-Hex/vz
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, posix(posixNoAccess, "Permission denied")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	if err != nil || bytes.Equal(magic, []byte("QFI\xfb")) || info.Size()%512 != 0 {
		return nil, failure(errorInvalidDiskImage, "Invalid disk image. The disk image format is not recognized.")
	}
	return &DiskImageStorageDeviceAttachment{path, readOnly}, nil
}

// DiskBlockDeviceStorageDeviceAttachment is a disk of the host. The machine
// takes it and shows the guest none.
type DiskBlockDeviceStorageDeviceAttachment struct{}

func (*DiskBlockDeviceStorageDeviceAttachment) storage() {}

// NewDiskBlockDeviceStorageDeviceAttachment returns one.
func NewDiskBlockDeviceStorageDeviceAttachment(*os.File, bool, DiskSynchronizationMode) (*DiskBlockDeviceStorageDeviceAttachment, error) {
	return &DiskBlockDeviceStorageDeviceAttachment{}, nil
}

// NetworkBlockDeviceStorageDeviceAttachment is a disk of an NBD server, which
// is never reached here.
type NetworkBlockDeviceStorageDeviceAttachment struct{}

func (*NetworkBlockDeviceStorageDeviceAttachment) storage() {}

// Connected tells of connections.
func (*NetworkBlockDeviceStorageDeviceAttachment) Connected() <-chan struct{} { return nil }

// DidEncounterError tells of errors.
func (*NetworkBlockDeviceStorageDeviceAttachment) DidEncounterError() <-chan error { return nil }

// NewNetworkBlockDeviceStorageDeviceAttachment returns one.
func NewNetworkBlockDeviceStorageDeviceAttachment(string, time.Duration, bool, DiskSynchronizationMode) (*NetworkBlockDeviceStorageDeviceAttachment, error) {
	return &NetworkBlockDeviceStorageDeviceAttachment{}, nil
}

type disk struct {
	attachment StorageDeviceAttachment
	identifier string
}

func (d *disk) Attachment() StorageDeviceAttachment { return d.attachment }
func (d *disk) id() string                          { return d.identifier }

// The kinds of disks.
type (
	VirtioBlockDeviceConfiguration          struct{ *disk }
	NVMExpressControllerDeviceConfiguration struct{ *disk }
	USBMassStorageDeviceConfiguration       struct{ *disk }
)

// NewVirtioBlockDeviceConfiguration returns a virtio disk.
func NewVirtioBlockDeviceConfiguration(a StorageDeviceAttachment) (*VirtioBlockDeviceConfiguration, error) {
	return &VirtioBlockDeviceConfiguration{&disk{attachment: a}}, nil
}

// NewNVMExpressControllerDeviceConfiguration returns an NVMe disk.
func NewNVMExpressControllerDeviceConfiguration(a StorageDeviceAttachment) (*NVMExpressControllerDeviceConfiguration, error) {
	return &NVMExpressControllerDeviceConfiguration{&disk{attachment: a}}, nil
}

// NewUSBMassStorageDeviceConfiguration returns a USB disk.
func NewUSBMassStorageDeviceConfiguration(a StorageDeviceAttachment) (*USBMassStorageDeviceConfiguration, error) {
	return &USBMassStorageDeviceConfiguration{&disk{attachment: a}}, nil
}

// SetBlockDeviceIdentifier takes up to 20 bytes of ASCII
// (VZVirtioBlockDeviceConfiguration.validateBlockDeviceIdentifier).
func (v *VirtioBlockDeviceConfiguration) SetBlockDeviceIdentifier(id string) error {
	if len(id) > 20 || strings.ContainsFunc(id, func(r rune) bool { return r > 127 }) {
		return failure(errorInvalidConfiguration, "The device identifier is invalid.")
	}
	v.identifier = id
	return nil
}
