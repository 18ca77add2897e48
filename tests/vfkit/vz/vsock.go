//go:build linux

package vz

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/Code-Hex/vz/v3/machine"
)

// SocketDeviceConfiguration is a VirtioSocketDeviceConfiguration.
type SocketDeviceConfiguration interface{ vsock() }

// VirtioSocketDeviceConfiguration is a vsock device.
type VirtioSocketDeviceConfiguration struct{}

func (*VirtioSocketDeviceConfiguration) vsock() {}

// NewVirtioSocketDeviceConfiguration returns one.
func NewVirtioSocketDeviceConfiguration() (*VirtioSocketDeviceConfiguration, error) {
	return &VirtioSocketDeviceConfiguration{}, nil
}

// VirtioSocketDevice is the vsock device of a machine.
type VirtioSocketDevice struct{}

// Connect connects to the guest. At the ports that VZ_VSOCK names it has a
// server, which greets as SSH's does and sends back what it reads.
func (*VirtioSocketDevice) Connect(port uint32) (net.Conn, error) {
	if !slices.Contains(strings.Fields(machine.Setting("VSOCK")), fmt.Sprint(port)) {
		return nil, posix(posixConnectionReset, "Connection reset by peer")
	}
	host, guest := net.Pipe()
	go func() {
		defer guest.Close()
		if _, err := io.WriteString(guest, "SSH-2.0-stand-in\r\n"); err == nil {
			_, _ = io.Copy(guest, guest)
		}
	}()
	return host, nil
}

// Listen waits for the guest, which connects to nothing.
func (*VirtioSocketDevice) Listen(port uint32) (net.Listener, error) {
	return net.Listen("unix", fmt.Sprintf("@vz-vsock-%d-%d", os.Getpid(), port))
}
