package vfkit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"
	"github.com/spf13/pflag"
)

// Command is a command line of vfkit, without the program's name, and what it
// means. Its devices can be changed; everything else stays as it was written.
type Command struct {
	Options *cmdline.Options
	// VM has the same devices as the command, in the same order.
	VM      *config.VirtualMachine
	devices []Device
	words   []word
}

// Device is one --device of a command line.
type Device struct {
	Text string // its value, as in "virtio-blk,path=/disk.raw"
	config.VirtioDevice
}

// word is an argument. The value of a --device has the device in its place.
type word struct {
	text   string // of a device: what comes before its value in the same argument
	flag   string // the argument before the value, "" if that is the same one
	device config.VirtioDevice
}

// Devices returns the devices in the order of the command line.
func (c *Command) Devices() []Device { return slices.Clone(c.devices) }

// Args returns the command line.
func (c *Command) Args() []string {
	var args []string
	next := 0 // device: the words have them in the same order
	for _, w := range c.words {
		if w.device == nil {
			args = append(args, w.text)
			continue
		}
		if w.flag != "" {
			args = append(args, w.flag)
		}
		args = append(args, w.text+c.devices[next].Text)
		next++
	}
	return args
}

// Replace puts another device in the place of old, which is one of the command's
// own. An error means that vfkit has no text for it.
func (c *Command) Replace(old, device config.VirtioDevice) error {
	args, err := device.ToCmdLine()
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return fmt.Errorf("vfkit writes a %T as %q", device, args)
	}
	i := c.index(old)
	for j := range c.words {
		if c.words[j].device == old {
			c.words[j].device = device
		}
	}
	c.devices[i], c.VM.Devices[i] = Device{args[1], device}, device
	return nil
}

// Remove takes a device away, which is one of the command's own.
func (c *Command) Remove(device config.VirtioDevice) {
	i := c.index(device)
	c.words = slices.DeleteFunc(c.words, func(w word) bool { return w.device == device })
	c.devices, c.VM.Devices = slices.Delete(c.devices, i, i+1), slices.Delete(c.VM.Devices, i, i+1)
}

func (c *Command) index(device config.VirtioDevice) int {
	return slices.IndexFunc(c.devices, func(d Device) bool { return d.VirtioDevice == device })
}

// read splits a command line that flags have parsed at its devices.
func (c *Command) read(flags *pflag.FlagSet, args []string) {
	for i, device := range c.VM.Devices {
		c.devices = append(c.devices, Device{c.Options.Devices[i], device})
	}
	next := 0
	for i := 0; i < len(args); i++ {
		flag, before, apart := valueOf(flags, args[i])
		w := word{text: args[i]}
		switch {
		case flag != nil && flag.Name == "device" && apart:
			w = word{flag: args[i], device: c.VM.Devices[next]}
			i++
		case flag != nil && flag.Name == "device":
			w = word{text: before, device: c.VM.Devices[next]}
		case apart: // the next argument is this one's, whatever it looks like
			c.words = append(c.words, w)
			i++
			w = word{text: args[i]}
		}
		if w.device != nil {
			next++
		}
		c.words = append(c.words, w)
	}
}

// valueOf returns the flag that takes a value in an argument or after it, and
// what of the argument comes before the value; apart means that the value is the
// next argument. There is no flag when the argument gives switches alone.
func valueOf(flags *pflag.FlagSet, arg string) (flag *pflag.Flag, before string, apart bool) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		name, _, joined := strings.Cut(name, "=")
		if flag = flags.Lookup(name); flag == nil || flag.NoOptDefVal != "" {
			return nil, "", false
		}
		return flag, "--" + name + "=", !joined
	}
	for i := 1; i < len(arg); i++ { // as in -gd virtio-rng
		if flag = flags.ShorthandLookup(arg[i : i+1]); flag != nil && flag.NoOptDefVal == "" {
			before = arg[:i+1]
			if rest := arg[i+1:]; strings.HasPrefix(rest, "=") {
				before += "="
			}
			return flag, before, i+1 == len(arg)
		}
	}
	return nil, "", false
}
