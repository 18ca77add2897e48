//go:build linux

package vz

import (
	"os"

	"github.com/Code-Hex/vz/v3/machine"
)

// DirectorySharingDeviceConfiguration is a share.
type DirectorySharingDeviceConfiguration interface {
	sharing() *VirtioFileSystemDeviceConfiguration
}

// DirectoryShare is what is shared.
type DirectoryShare interface{ directory() string }

// SharedDirectory is a directory of the host.
type SharedDirectory struct{ path string }

// SingleDirectoryShare shares one directory, LinuxRosettaDirectoryShare Rosetta.
type (
	SingleDirectoryShare       struct{ shared *SharedDirectory }
	LinuxRosettaDirectoryShare struct{}
)

func (s *SingleDirectoryShare) directory() string     { return s.shared.path }
func (*LinuxRosettaDirectoryShare) directory() string { return "" }

// VirtioFileSystemDeviceConfiguration is a virtio-fs device.
type VirtioFileSystemDeviceConfiguration struct {
	tag   string
	share DirectoryShare
}

func (v *VirtioFileSystemDeviceConfiguration) sharing() *VirtioFileSystemDeviceConfiguration {
	return v
}

// SetDirectoryShare sets what is shared.
func (v *VirtioFileSystemDeviceConfiguration) SetDirectoryShare(s DirectoryShare) { v.share = s }

// NewSharedDirectory returns a directory, for which Code-Hex/vz looks.
func NewSharedDirectory(path string, readOnly bool) (*SharedDirectory, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return &SharedDirectory{path}, nil
}

// NewSingleDirectoryShare returns a share of one.
func NewSingleDirectoryShare(d *SharedDirectory) (*SingleDirectoryShare, error) {
	return &SingleDirectoryShare{d}, nil
}

// NewVirtioFileSystemDeviceConfiguration takes a tag of 1 to 36 bytes
// (VZVirtioFileSystemDeviceConfiguration.validateTag; virtio v1.2, 5.11.4).
func NewVirtioFileSystemDeviceConfiguration(tag string) (*VirtioFileSystemDeviceConfiguration, error) {
	if tag == "" || len(tag) > 36 {
		return nil, failure(errorInvalidConfiguration, "The tag is invalid.")
	}
	return &VirtioFileSystemDeviceConfiguration{tag: tag}, nil
}

// LinuxRosettaAvailability is whether there is Rosetta for guests.
type LinuxRosettaAvailability int

// What it can be (VZLinuxRosettaAvailability).
const (
	LinuxRosettaAvailabilityNotSupported LinuxRosettaAvailability = iota
	LinuxRosettaAvailabilityNotInstalled
	LinuxRosettaAvailabilityInstalled
)

// LinuxRosettaDirectoryShareAvailability is "installed" unless VZ_ROSETTA says
// "missing" or "unsupported".
func LinuxRosettaDirectoryShareAvailability() LinuxRosettaAvailability {
	switch machine.Setting("ROSETTA") {
	case "missing":
		return LinuxRosettaAvailabilityNotInstalled
	case "unsupported":
		return LinuxRosettaAvailabilityNotSupported
	}
	return LinuxRosettaAvailabilityInstalled
}

// LinuxRosettaDirectoryShareInstallRosetta asks the user, who refuses.
func LinuxRosettaDirectoryShareInstallRosetta() error {
	return failure(ErrorOperationCancelled, "The operation was cancelled.")
}

// NewLinuxRosettaDirectoryShare returns Rosetta, where there is one.
func NewLinuxRosettaDirectoryShare() (*LinuxRosettaDirectoryShare, error) {
	if LinuxRosettaDirectoryShareAvailability() != LinuxRosettaAvailabilityInstalled {
		return nil, failure(errorNotSupported, "Rosetta is not installed.")
	}
	return &LinuxRosettaDirectoryShare{}, nil
}
