//go:build linux

package vz

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"syscall"
)

// MACAddress is a card's address.
type MACAddress struct{ addr net.HardwareAddr }

// NewMACAddress returns one.
func NewMACAddress(addr net.HardwareAddr) (*MACAddress, error) { return &MACAddress{addr}, nil }

// NewRandomLocallyAdministeredMACAddress returns another one each time.
func NewRandomLocallyAdministeredMACAddress() (*MACAddress, error) {
	addr := make([]byte, 6)
	_, _ = rand.Read(addr) // does not fail
	addr[0] = addr[0]&^1 | 2
	return &MACAddress{addr}, nil
}

// NetworkDeviceAttachment is what a card is connected to.
type NetworkDeviceAttachment interface{ socket() *os.File }

// NATNetworkDeviceAttachment is macOS' network for VMs,
// FileHandleNetworkDeviceAttachment a socket of datagrams.
type (
	NATNetworkDeviceAttachment        struct{}
	FileHandleNetworkDeviceAttachment struct{ file *os.File }
)

func (*NATNetworkDeviceAttachment) socket() *os.File          { return nil }
func (a *FileHandleNetworkDeviceAttachment) socket() *os.File { return a.file }

// NewNATNetworkDeviceAttachment returns one.
func NewNATNetworkDeviceAttachment() (*NATNetworkDeviceAttachment, error) {
	return &NATNetworkDeviceAttachment{}, nil
}

// NewFileHandleNetworkDeviceAttachment takes sockets of datagrams alone, for
// which Code-Hex/vz looks.
func NewFileHandleNetworkDeviceAttachment(file *os.File) (*FileHandleNetworkDeviceAttachment, error) {
	kind, err := syscall.GetsockoptInt(int(file.Fd()), syscall.SOL_SOCKET, syscall.SO_TYPE)
	switch {
	case err != nil:
		return nil, os.NewSyscallError("getsockopt", err)
	case kind != syscall.SOCK_DGRAM:
		return nil, errors.New("the fileHandle must be a datagram socket")
	}
	return &FileHandleNetworkDeviceAttachment{file}, nil
}

// VirtioNetworkDeviceConfiguration is a network card.
type VirtioNetworkDeviceConfiguration struct {
	attachment NetworkDeviceAttachment
	mac        *MACAddress
}

// NewVirtioNetworkDeviceConfiguration returns one.
func NewVirtioNetworkDeviceConfiguration(a NetworkDeviceAttachment) (*VirtioNetworkDeviceConfiguration, error) {
	return &VirtioNetworkDeviceConfiguration{attachment: a}, nil
}

// SetMACAddress sets its address.
func (v *VirtioNetworkDeviceConfiguration) SetMACAddress(mac *MACAddress) { v.mac = mac }
