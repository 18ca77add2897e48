package vfkit

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Flags are the settings of a command line, which go before the document's. A
// zero value leaves what the document says.
type Flags struct {
	ID           string    // of the VM
	Ephemeral    bool      // the VM has an id, a state directory and a root disk for one run alone
	CPUs         CPUs      // number of virtual CPUs
	Memory       MiB       // size of the RAM
	Disk         string    // path of the root disk; may hold shell expansions
	Shares       Shares    // more directories, or others
	Credentials  Files     // more credentials, or others
	Net          string    // NetNAT (also when empty) or NetNone
	MAC          MAC       // hardware address of the network card
	Forward      []Forward // more forwarded ports
	HostLoopback bool      // the guest reaches what listens on the host's loopback interface
	Console      string    // ConsoleStdio (also when empty), ConsolePTY, or a file
	GUI          *bool     // a window for the VM
	Rosetta      *bool     // Apple's Rosetta for the guest
	Nested       *bool     // the guest can run VMs itself
	Vsock        []Port    // ports of the guest to reach through sockets
	Store        string    // bootdoc.StoreShare or bootdoc.StoreImage
	KernelParams []string  // the last ones of the kernel's command line
}

// Files are paths by the name of the credential that they become; they may hold
// shell expansions.
type Files map[string]string

// UnmarshalText adds one NAME=PATH. A name is given once.
func (f *Files) UnmarshalText(text []byte) error {
	name, path, ok := strings.Cut(string(text), "=")
	if !ok || path == "" {
		return fmt.Errorf("%q is not of the form NAME=PATH", text)
	}
	if err := bootdoc.CheckCredential(name); err != nil {
		return err
	}
	if _, twice := (*f)[name]; twice {
		return fmt.Errorf("credential %q is given twice", name)
	}
	if *f == nil {
		*f = Files{}
	}
	(*f)[name] = path
	return nil
}

// Kinds of network.
const (
	NetNAT  = "nat"
	NetNone = "none"
)

// Consoles that are not files.
const (
	ConsoleStdio = "stdio"
	ConsolePTY   = "pty"
)

// CPUs is a number of virtual CPUs.
type CPUs int

// UnmarshalText reads a number from 1 to 1024.
func (c *CPUs) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > 1024 {
		return fmt.Errorf("%q is not a number from 1 to 1024", text)
	}
	*c = CPUs(n)
	return nil
}

// MiB is a size in MiB (1024×1024 bytes).
type MiB int

// UnmarshalText reads a number of MiB, or a size with a unit as in "2G". Units
// are powers of 1024; what is not a whole MiB is dropped.
func (m *MiB) UnmarshalText(text []byte) error {
	size := string(text)
	if _, err := strconv.ParseUint(size, 10, 64); err == nil {
		size += "M"
	}
	bytes, err := units.RAMInBytes(size)
	if err != nil || bytes < 1<<20 || bytes > 1<<50 {
		return fmt.Errorf("%q is not a size like 4096 (MiB) or 4G", text)
	}
	*m = MiB(bytes >> 20)
	return nil
}

// MAC is the hardware address of a network card.
type MAC net.HardwareAddr

// UnmarshalText reads it as [bootdoc.ParseMAC] does.
func (m *MAC) UnmarshalText(text []byte) error {
	addr, err := bootdoc.ParseMAC(string(text))
	*m = MAC(addr)
	return err
}

// Port is a vsock port of the guest.
type Port uint32

// UnmarshalText reads a number from 1 to 4294967294; the one after it is the
// wildcard VMADDR_PORT_ANY (vsock(7)).
func (p *Port) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n == 0 || n == 1<<32-1 {
		return fmt.Errorf("%q is not a vsock port", text)
	}
	*p = Port(n)
	return nil
}
