// Package vfkit turns a boot document into vfkit's command line, and parses such a
// command line.
//
// vfkit's own packages handle the syntax: pkg/config writes and parses devices,
// pkg/cmdline declares the flags. So the parser that will read a command line has
// checked it already. The package starts no process and creates no file.
package vfkit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// standIn takes the place of a disk image while vfkit's parser looks at a
// virtio-blk device: the parser opens the image, which need not exist yet.
const standIn = "/dev/zero"

// Parse reads vfkit's arguments (without the program's name) as vfkit does:
// first the flags, then the devices and the boot loader. Disk images need not
// exist. A device on an inherited file descriptor is refused.
func Parse(args []string) (*Command, error) {
	opts, flags, err := parseFlags(args)
	if err != nil {
		return nil, err
	}
	boot, err := bootloader(opts)
	if err != nil {
		return nil, err
	}
	vm := config.NewVirtualMachine(opts.Vcpus, uint64(opts.MemoryMiB), boot)
	vm.Nested = opts.Nested
	if err := vm.AddTimeSyncFromCmdLine(opts.TimeSync); err != nil {
		return nil, fmt.Errorf("--timesync %q: %w", opts.TimeSync, err)
	}
	if err := vm.AddIgnitionFileFromCmdLine(opts.IgnitionPath); err != nil {
		return nil, fmt.Errorf("--ignition %q: %w", opts.IgnitionPath, err)
	}
	if err := addDevices(vm, opts.Devices); err != nil {
		return nil, err
	}
	c := &Command{Options: opts, VM: vm}
	c.read(flags, args)
	return c, nil
}

func parseFlags(args []string) (*cmdline.Options, *pflag.FlagSet, error) {
	opts := &cmdline.Options{}
	cmd := &cobra.Command{Use: "vfkit"}
	cmdline.AddFlags(cmd, opts)
	switch err := cmd.ParseFlags(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil, nil, errors.New("--help is not a flag that starts a VM")
	case err != nil:
		return nil, nil, err
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		return nil, nil, err
	}
	if rest := cmd.Flags().Args(); len(rest) > 0 {
		return nil, nil, fmt.Errorf("%q is neither a flag nor a flag's value", rest[0])
	}
	return opts, cmd.Flags(), nil
}

func bootloader(opts *cmdline.Options) (config.Bootloader, error) {
	if opts.VmlinuzPath != "" {
		return config.NewLinuxBootloader(opts.VmlinuzPath, opts.KernelCmdline, opts.InitrdPath), nil
	}
	words := opts.Bootloader.GetSlice()
	if len(words) == 0 {
		return nil, errors.New("neither --kernel nor --bootloader is given")
	}
	return config.BootloaderFromCmdLine(words)
}

// addDevices parses each device by itself, so that every error can say which
// device it is about.
func addDevices(vm *config.VirtualMachine, devices []string) error {
	var errs []error
	for _, device := range devices {
		if err := addDevice(vm, device); err != nil {
			errs = append(errs, fmt.Errorf("--device %q: %w", device, err))
		}
	}
	return errors.Join(errs...)
}

func addDevice(vm *config.VirtualMachine, device string) error {
	words := strings.Split(device, ",")
	image := ""
	for i, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case words[0] == "virtio-blk" && key == "path":
			image, words[i+1] = value, "path="+standIn
		case words[0] == "virtio-net" && key == "fd":
			return errors.New("inherited file descriptors cannot be passed on")
		}
	}
	if words[0] == "virtio-blk" && image == "" {
		return errors.New("virtio-blk needs the path of a disk image")
	}
	if err := vm.AddDevicesFromCmdLine([]string{strings.Join(words, ",")}); err != nil {
		return err
	}
	if blk, ok := vm.Devices[len(vm.Devices)-1].(*config.VirtioBlk); ok {
		blk.ImagePath = image
	}
	return nil
}
