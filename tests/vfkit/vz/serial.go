//go:build linux

package vz

import "os"

// SerialPortAttachment is where a console's input comes from, if it has one,
// and where its output goes.
type SerialPortAttachment interface {
	files() (in, out *os.File)
}

// FileHandleSerialPortAttachment is two open files, FileSerialPortAttachment
// one for the output.
type (
	FileHandleSerialPortAttachment struct{ in, out *os.File }
	FileSerialPortAttachment       struct{ out *os.File }
)

func (a *FileHandleSerialPortAttachment) files() (in, out *os.File) { return a.in, a.out }
func (a *FileSerialPortAttachment) files() (in, out *os.File)       { return nil, a.out }

// NewFileHandleSerialPortAttachment makes the files blocking, as Code-Hex/vz does
// by asking for their descriptors.
func NewFileHandleSerialPortAttachment(in, out *os.File) (*FileHandleSerialPortAttachment, error) {
	_, _ = in.Fd(), out.Fd()
	return &FileHandleSerialPortAttachment{in, out}, nil
}

// NewFileSerialPortAttachment makes the file, and empties one that is there
// unless it is to append.
func NewFileSerialPortAttachment(path string, appends bool) (*FileSerialPortAttachment, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if appends {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, posix(posixNoEntry, err.Error())
	}
	return &FileSerialPortAttachment{f}, nil
}

// VirtioConsoleDeviceSerialPortConfiguration is a console.
type VirtioConsoleDeviceSerialPortConfiguration struct{ attachment SerialPortAttachment }

// NewVirtioConsoleDeviceSerialPortConfiguration returns one.
func NewVirtioConsoleDeviceSerialPortConfiguration(a SerialPortAttachment) (*VirtioConsoleDeviceSerialPortConfiguration, error) {
	return &VirtioConsoleDeviceSerialPortConfiguration{a}, nil
}

// ConsoleDeviceConfiguration is a VirtioConsoleDeviceConfiguration.
type ConsoleDeviceConfiguration interface {
	consoles() []*VirtioConsolePortConfiguration
}

// VirtioConsoleDeviceConfiguration is a device with several consoles.
type VirtioConsoleDeviceConfiguration struct {
	ports []*VirtioConsolePortConfiguration
}

func (v *VirtioConsoleDeviceConfiguration) consoles() []*VirtioConsolePortConfiguration {
	return v.ports
}

// NewVirtioConsoleDeviceConfiguration returns one.
func NewVirtioConsoleDeviceConfiguration() (*VirtioConsoleDeviceConfiguration, error) {
	return &VirtioConsoleDeviceConfiguration{}, nil
}

// SetVirtioConsolePortConfiguration adds a console; vfkit numbers them in order.
func (v *VirtioConsoleDeviceConfiguration) SetVirtioConsolePortConfiguration(_ int, port *VirtioConsolePortConfiguration) {
	v.ports = append(v.ports, port)
}

// VirtioConsolePortConfiguration is a console of such a device.
type VirtioConsolePortConfiguration struct{ attachment SerialPortAttachment }

// NewVirtioConsolePortConfigurationOption sets one thing of it.
type NewVirtioConsolePortConfigurationOption func(*VirtioConsolePortConfiguration)

// WithVirtioConsolePortConfigurationAttachment sets where it is connected.
func WithVirtioConsolePortConfigurationAttachment(a SerialPortAttachment) NewVirtioConsolePortConfigurationOption {
	return func(c *VirtioConsolePortConfiguration) { c.attachment = a }
}

// WithVirtioConsolePortConfigurationIsConsole says that it is a console.
func WithVirtioConsolePortConfigurationIsConsole(bool) NewVirtioConsolePortConfigurationOption {
	return func(*VirtioConsolePortConfiguration) {}
}

// NewVirtioConsolePortConfiguration returns one.
func NewVirtioConsolePortConfiguration(options ...NewVirtioConsolePortConfigurationOption) (*VirtioConsolePortConfiguration, error) {
	c := &VirtioConsolePortConfiguration{}
	for _, option := range options {
		option(c)
	}
	return c, nil
}
