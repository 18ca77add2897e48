//go:build linux

package vz

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
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
	if at, program, ok := strings.Cut(machine.Setting("AGENT"), "="); ok && at == fmt.Sprint(port) {
		return serve(program)
	}
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

// serve connects to a program that runs in the guest for this connection.
func serve(program string) (net.Conn, error) {
	host, guest := net.Pipe()
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stdout = guest, guest
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		guest.Close()
	}()
	return host, nil
}

// Listen waits for the guest, which connects to nothing.
func (*VirtioSocketDevice) Listen(port uint32) (net.Listener, error) {
	return net.Listen("unix", fmt.Sprintf("@vz-vsock-%d-%d", os.Getpid(), port))
}
