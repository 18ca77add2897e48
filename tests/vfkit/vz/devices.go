//go:build linux

package vz

// What the machine takes and does nothing with: a pointer, a keyboard, graphics,
// a source of entropy and a balloon.
type (
	PointingDeviceConfiguration      interface{ pointing() }
	KeyboardConfiguration            interface{ keyboard() }
	GraphicsDeviceConfiguration      interface{ graphics() }
	MemoryBalloonDeviceConfiguration interface{ balloon() }

	USBScreenCoordinatePointingDeviceConfiguration    struct{}
	USBKeyboardConfiguration                          struct{}
	VirtioGraphicsDeviceConfiguration                 struct{}
	VirtioGraphicsScanoutConfiguration                struct{}
	VirtioEntropyDeviceConfiguration                  struct{}
	VirtioTraditionalMemoryBalloonDeviceConfiguration struct{}
)

func (*USBScreenCoordinatePointingDeviceConfiguration) pointing()   {}
func (*USBKeyboardConfiguration) keyboard()                         {}
func (*VirtioGraphicsDeviceConfiguration) graphics()                {}
func (*VirtioTraditionalMemoryBalloonDeviceConfiguration) balloon() {}

// NewUSBScreenCoordinatePointingDeviceConfiguration returns a pointer.
func NewUSBScreenCoordinatePointingDeviceConfiguration() (*USBScreenCoordinatePointingDeviceConfiguration, error) {
	return &USBScreenCoordinatePointingDeviceConfiguration{}, nil
}

// NewUSBKeyboardConfiguration returns a keyboard.
func NewUSBKeyboardConfiguration() (*USBKeyboardConfiguration, error) {
	return &USBKeyboardConfiguration{}, nil
}

// NewVirtioGraphicsDeviceConfiguration returns a graphics card.
func NewVirtioGraphicsDeviceConfiguration() (*VirtioGraphicsDeviceConfiguration, error) {
	return &VirtioGraphicsDeviceConfiguration{}, nil
}

// SetScanouts sets its screens.
func (*VirtioGraphicsDeviceConfiguration) SetScanouts(...*VirtioGraphicsScanoutConfiguration) {}

// NewVirtioGraphicsScanoutConfiguration returns a screen.
func NewVirtioGraphicsScanoutConfiguration(width, height int64) (*VirtioGraphicsScanoutConfiguration, error) {
	return &VirtioGraphicsScanoutConfiguration{}, nil
}

// NewVirtioEntropyDeviceConfiguration returns a source of entropy.
func NewVirtioEntropyDeviceConfiguration() (*VirtioEntropyDeviceConfiguration, error) {
	return &VirtioEntropyDeviceConfiguration{}, nil
}

// NewVirtioTraditionalMemoryBalloonDeviceConfiguration returns a balloon.
func NewVirtioTraditionalMemoryBalloonDeviceConfiguration() (*VirtioTraditionalMemoryBalloonDeviceConfiguration, error) {
	return &VirtioTraditionalMemoryBalloonDeviceConfiguration{}, nil
}
