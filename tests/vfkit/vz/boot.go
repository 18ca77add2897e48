//go:build linux

package vz

import (
	"errors"
	"fmt"
	"os"

	"github.com/Code-Hex/vz/v3/machine"
)

// BootLoader is one of the kinds of boot loaders below.
type BootLoader interface{ bootLoader() }

// LinuxBootLoader boots a kernel directly.
type LinuxBootLoader struct{ kernel, initrd, cmdline string }

func (*LinuxBootLoader) bootLoader() {}

// LinuxBootLoaderOption sets one thing of a LinuxBootLoader.
type LinuxBootLoaderOption func(*LinuxBootLoader) error

// WithCommandLine sets the kernel's command line.
func WithCommandLine(cmdline string) LinuxBootLoaderOption {
	return func(b *LinuxBootLoader) error { b.cmdline = cmdline; return nil }
}

// WithInitrd sets the initrd, which Code-Hex/vz looks for.
func WithInitrd(path string) LinuxBootLoaderOption {
	return func(b *LinuxBootLoader) error {
		b.initrd = path
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("invalid initial RAM disk path: %w", err)
		}
		return nil
	}
}

// NewLinuxBootLoader returns a boot loader for a kernel, which Code-Hex/vz looks
// for.
func NewLinuxBootLoader(kernel string, options ...LinuxBootLoaderOption) (*LinuxBootLoader, error) {
	if _, err := os.Stat(kernel); err != nil {
		return nil, fmt.Errorf("invalid linux kernel path: %w", err)
	}
	b := &LinuxBootLoader{kernel: kernel}
	for _, option := range options {
		if err := option(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// EFIBootLoader boots from a disk. The machine takes it and boots nothing.
type EFIBootLoader struct{}

// EFIVariableStore holds the variables of EFI.
type EFIVariableStore struct{}

// NewEFIVariableStoreOption and NewEFIBootLoaderOption set one thing of those.
type (
	NewEFIVariableStoreOption func(*EFIVariableStore) error
	NewEFIBootLoaderOption    func(*EFIBootLoader)
)

func (*EFIBootLoader) bootLoader() {}

// WithCreatingEFIVariableStore makes the file.
func WithCreatingEFIVariableStore() NewEFIVariableStoreOption {
	return func(*EFIVariableStore) error { return nil }
}

// NewEFIVariableStore returns a store.
func NewEFIVariableStore(string, ...NewEFIVariableStoreOption) (*EFIVariableStore, error) {
	return &EFIVariableStore{}, nil
}

// WithEFIVariableStore sets the store.
func WithEFIVariableStore(*EFIVariableStore) NewEFIBootLoaderOption { return func(*EFIBootLoader) {} }

// NewEFIBootLoader returns a boot loader.
func NewEFIBootLoader(...NewEFIBootLoaderOption) (*EFIBootLoader, error) {
	return &EFIBootLoader{}, nil
}

// PlatformConfiguration is a GenericPlatformConfiguration, here.
type PlatformConfiguration interface{ platform() }

// GenericPlatformConfiguration is the platform of guests that are not macOS.
type GenericPlatformConfiguration struct{}

// GenericMachineIdentifier is a machine's id.
type GenericMachineIdentifier struct{}

// GenericPlatformConfigurationOption sets one thing of the platform.
type GenericPlatformConfigurationOption func(*GenericPlatformConfiguration) error

func (*GenericPlatformConfiguration) platform() {}

// NewGenericMachineIdentifier returns an id.
func NewGenericMachineIdentifier() (*GenericMachineIdentifier, error) {
	return &GenericMachineIdentifier{}, nil
}

// WithGenericMachineIdentifier sets the id.
func WithGenericMachineIdentifier(*GenericMachineIdentifier) GenericPlatformConfigurationOption {
	return func(*GenericPlatformConfiguration) error { return nil }
}

// NewGenericPlatformConfiguration returns the platform.
func NewGenericPlatformConfiguration(...GenericPlatformConfigurationOption) (*GenericPlatformConfiguration, error) {
	return &GenericPlatformConfiguration{}, nil
}

// SetNestedVirtualizationEnabled fails where there is none.
func (*GenericPlatformConfiguration) SetNestedVirtualizationEnabled(on bool) error {
	if on && !IsNestedVirtualizationSupported() {
		return errors.New("nested virtualization is not supported")
	}
	return nil
}

// IsNestedVirtualizationSupported is true from the M3 and macOS 15 on.
func IsNestedVirtualizationSupported() bool { return machine.Setting("NESTED") == "1" }
