//go:build linux

package vz

import (
	"fmt"

	"github.com/Code-Hex/vz/v3/machine"
)

// VirtualMachineConfiguration is all that a machine has.
type VirtualMachineConfiguration struct {
	boot     BootLoader
	cpus     uint
	memory   uint64
	disks    []StorageDeviceConfiguration
	shares   []DirectorySharingDeviceConfiguration
	cards    []*VirtioNetworkDeviceConfiguration
	serials  []*VirtioConsoleDeviceSerialPortConfiguration
	consoles []ConsoleDeviceConfiguration
	vsocks   []SocketDeviceConfiguration
}

// NewVirtualMachineConfiguration returns one without devices.
func NewVirtualMachineConfiguration(boot BootLoader, cpus uint, memory uint64) (*VirtualMachineConfiguration, error) {
	return &VirtualMachineConfiguration{boot: boot, cpus: cpus, memory: memory}, nil
}

// SetStorageDevicesVirtualMachineConfiguration sets the disks.
func (v *VirtualMachineConfiguration) SetStorageDevicesVirtualMachineConfiguration(c []StorageDeviceConfiguration) {
	v.disks = c
}

// SetDirectorySharingDevicesVirtualMachineConfiguration sets the shares.
func (v *VirtualMachineConfiguration) SetDirectorySharingDevicesVirtualMachineConfiguration(c []DirectorySharingDeviceConfiguration) {
	v.shares = c
}

// SetNetworkDevicesVirtualMachineConfiguration sets the network cards.
func (v *VirtualMachineConfiguration) SetNetworkDevicesVirtualMachineConfiguration(c []*VirtioNetworkDeviceConfiguration) {
	v.cards = c
}

// SetSerialPortsVirtualMachineConfiguration sets the consoles that are devices
// of their own.
func (v *VirtualMachineConfiguration) SetSerialPortsVirtualMachineConfiguration(c []*VirtioConsoleDeviceSerialPortConfiguration) {
	v.serials = c
}

// SetConsoleDevicesVirtualMachineConfiguration sets the consoles that share one.
func (v *VirtualMachineConfiguration) SetConsoleDevicesVirtualMachineConfiguration(c []ConsoleDeviceConfiguration) {
	v.consoles = c
}

// SetSocketDevicesVirtualMachineConfiguration sets the vsock device.
func (v *VirtualMachineConfiguration) SetSocketDevicesVirtualMachineConfiguration(c []SocketDeviceConfiguration) {
	v.vsocks = c
}

// SetPointingDevicesVirtualMachineConfiguration sets what has no effect here, and
// so do the next ones.
func (*VirtualMachineConfiguration) SetPointingDevicesVirtualMachineConfiguration([]PointingDeviceConfiguration) {
}

// SetKeyboardsVirtualMachineConfiguration has no effect here.
func (*VirtualMachineConfiguration) SetKeyboardsVirtualMachineConfiguration([]KeyboardConfiguration) {
}

// SetGraphicsDevicesVirtualMachineConfiguration has no effect here.
func (*VirtualMachineConfiguration) SetGraphicsDevicesVirtualMachineConfiguration([]GraphicsDeviceConfiguration) {
}

// SetEntropyDevicesVirtualMachineConfiguration has no effect here.
func (*VirtualMachineConfiguration) SetEntropyDevicesVirtualMachineConfiguration([]*VirtioEntropyDeviceConfiguration) {
}

// SetMemoryBalloonDevicesVirtualMachineConfiguration has no effect here.
func (*VirtualMachineConfiguration) SetMemoryBalloonDevicesVirtualMachineConfiguration([]MemoryBalloonDeviceConfiguration) {
}

// SetPlatformVirtualMachineConfiguration has no effect here.
func (*VirtualMachineConfiguration) SetPlatformVirtualMachineConfiguration(PlatformConfiguration) {
}

// Validate checks what VZVirtualMachineConfiguration.validate checks and says
// what it says, the curly quotes too.
func (v *VirtualMachineConfiguration) Validate() (bool, error) {
	cpus, memory := uint(machine.Number("MAX_CPUS", 8)), uint64(machine.Number("MAX_MEMORY_GIB", 16))<<30
	const least = 4 << 20
	switch {
	case machine.Setting("ENTITLED") == "0":
		return false, invalid("The process doesn’t have the “com.apple.security.virtualization” entitlement.")
	case v.cpus < 1 || v.cpus > cpus:
		return false, invalid(fmt.Sprintf("The CPU count must be between 1 and %d.", cpus))
	case v.memory < least || v.memory > memory:
		return false, invalid(fmt.Sprintf("The memory size must be between %d and %d.", least, memory))
	case len(v.vsocks) > 1:
		return false, invalid("Too many socket devices.")
	}
	tags := map[string]bool{}
	for _, s := range v.shares {
		tag := s.sharing().tag
		if tags[tag] {
			return false, invalid("A directory sharing device tag is not unique.")
		}
		tags[tag] = true
	}
	return true, nil
}
