// Package qemu translates vfkit's command line into QEMU's, so that one flake
// boots on macOS under vfkit and on Linux under QEMU, with the same devices in the
// same order.
//
// It computes command lines, and speaks QEMU's control protocol over a connection
// that it is given. It starts no process and opens no file. What QEMU cannot do is
// an error.
package qemu

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// Host says what the translation has to know beside the VM itself.
type Host struct {
	System   string   // guest platform, as in "x86_64-linux"
	KVM      bool     // the host can run this guest's CPU with KVM
	Nests    bool     // so that the guest can have a KVM too
	Display  bool     // the host has a display for a window
	Sockets  string   // directory for sockets
	Optional []string // --device values that may be dropped
	// CardFD is the descriptor of a datagram socket for the frames of the first
	// network card, the next card's is the next one. 0 means QEMU's own NAT.
	CardFD int
	Vsock  bool   // the host's kernel has vsock for VMMs
	CID    uint32 // the guest's number there
}

// Share is a directory that a virtiofsd of its own must offer on Socket before
// QEMU starts.
type Share struct {
	Tag    string
	Dir    string
	Socket string
}

// Port is a vsock port of the guest that a socket on the host leads to.
type Port struct {
	Port   uint32
	Socket string
}

// Plan is what runs a VM under QEMU.
type Plan struct {
	Program  string   // conventional name of the QEMU binary
	Args     []string // its arguments
	Monitor  string   // path of the QMP socket
	Events   string   // path of another one, for events
	Trouble  string   // and of one for trouble with disks
	Images   []string // of the disks
	Shares   []Share
	CID      uint32 // the guest's vsock number, 0 when it has no port
	Vsock    []Port
	Warnings []string
}

// machines maps guest platforms to QEMU's binary, machine type and, without
// KVM, CPU. Emulating the architecture's algorithm of pointer authentication
// takes half of an arm64 guest's time; QEMU has one of its own for that (QEMU's
// docs/system/arm/cpu-features.rst, "pauth-impdef"). A CPU with erms makes an
// x86 guest's kernel clear and copy memory with single instructions (rep stosb)
// that QEMU emulates byte by byte.
var machines = map[string]struct{ program, machine, cpu string }{
	"x86_64-linux":  {"qemu-system-x86_64", "q35", "max,-erms"},
	"aarch64-linux": {"qemu-system-aarch64", "virt,gic-version=max", "max,pauth-impdef=on"},
}

// Translate returns the plan for a VM that vfkit.Parse has read. The error
// names everything that QEMU cannot do.
func Translate(c *vfkit.Command, host Host) (*Plan, error) {
	opts, vm := c.Options, c.VM
	machine, ok := machines[host.System]
	if !ok {
		return nil, fmt.Errorf("system: no QEMU machine type is known for a %q guest", host.System)
	}
	t := &translation{host: host, plan: &Plan{
		Program: machine.program,
		Monitor: filepath.Join(host.Sockets, "qmp.sock"),
		Events:  filepath.Join(host.Sockets, "events.sock"),
		Trouble: filepath.Join(host.Sockets, "trouble.sock"),
	}}
	t.refuseFlags(opts, vm)
	t.machine(machine.machine, machine.cpu, vm)
	t.window(opts)
	t.linux(vm.Bootloader)
	for _, d := range c.Devices() {
		t.device(d.Text, d.VirtioDevice)
	}
	return t.plan, errors.Join(t.errs...)
}

// translation collects the arguments, shares and errors of a plan.
type translation struct {
	host    Host
	plan    *Plan
	errs    []error
	serials int // consoles so far; they share one controller
	nets    int
	usb     bool // there is a USB controller
}

func (t *translation) add(args ...string) { t.plan.Args = append(t.plan.Args, args...) }

func (t *translation) refuse(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

func (t *translation) warn(format string, args ...any) {
	t.plan.Warnings = append(t.plan.Warnings, fmt.Sprintf(format, args...))
}

// refuseFlags looks at the flags of vfkit that are no devices.
func (t *translation) refuseFlags(opts *cmdline.Options, vm *config.VirtualMachine) {
	for flag, given := range map[string]bool{
		"--ignition":   vm.Ignition != nil,
		"--cloud-init": len(opts.CloudInitFiles.GetSlice()) > 0,
	} {
		if given {
			t.refuse("%s: nixvf-boot has no QEMU counterpart for it", flag)
		}
	}
	slices.SortFunc(t.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	for flag, given := range map[string]bool{
		"--timesync":    vm.Timesync != nil,
		"--pidfile":     opts.PidFile != "",
		"--restful-uri": opts.RestfulURI != cmdline.DefaultRestfulURI,
	} {
		if given {
			t.warn("%s: only vfkit has it; dropped under QEMU", flag)
		}
	}
	slices.Sort(t.plan.Warnings)
}

// machine writes what is neither boot nor device. Memory is shared with the
// helper processes that serve virtio-fs, which vhost-user demands.
func (t *translation) machine(machine, cpu string, vm *config.VirtualMachine) {
	accel := "tcg"
	if t.host.KVM {
		accel, cpu = "kvm", "host"
	}
	if vm.Nested {
		machine += t.nested()
	}
	mib := strconv.FormatUint(uint64(vm.Memory)>>20, 10) + "M"
	t.add("-nodefaults", "-no-user-config",
		"-machine", machine+",accel="+accel+",memory-backend=mem", "-cpu", cpu,
		"-smp", strconv.FormatUint(uint64(vm.Vcpus), 10), "-m", mib,
		"-object", "memory-backend-memfd,id=mem,size="+mib+",share=on",
		"-chardev", "socket,id=qmp,server=on,wait=off,path="+escape(t.plan.Monitor),
		"-mon", "chardev=qmp,mode=control",
		// One socket serves one connection at a time.
		"-chardev", "socket,id=events,server=on,wait=off,path="+escape(t.plan.Events),
		"-mon", "chardev=events,mode=control",
		"-chardev", "socket,id=trouble,server=on,wait=off,path="+escape(t.plan.Trouble),
		"-mon", "chardev=trouble,mode=control",
		// A guest that panics tells QEMU, which fails (from 7.1 on), and does not restart to panic again.
		"-device", "pvpanic-pci", "-action", "panic=exit-failure")
}

// nested returns what of the machine lets the guest run VMs itself. A CPU of x86 can
// do that by itself, also an emulated one.
func (t *translation) nested() string {
	isX86 := t.host.System == "x86_64-linux"
	switch {
	case t.host.KVM && !isX86:
		t.refuse("--nested: nixvf-boot knows no KVM of arm64 that nests")
	case t.host.KVM && !t.host.Nests:
		t.errs = append(t.errs, fault.Hint(errors.New("--nested: this host's KVM does not nest"),
			"load its module with nested=1: modprobe kvm_intel nested=1, or kvm_amd; nixvf-args --no-nested leaves it out"))
	case !isX86:
		return ",virtualization=on"
	}
	return ""
}

// window opens one where it is wanted. A guest with a screen and no window is
// allowed, as under vfkit.
func (t *translation) window(opts *cmdline.Options) {
	display := "none"
	switch {
	case opts.UseGUI && t.host.Display:
		display = "gtk"
	case opts.UseGUI:
		t.errs = append(t.errs, fault.Hint(errors.New("--gui: there is no display for a window: neither WAYLAND_DISPLAY nor DISPLAY is set"),
			"nixvf-args --no-gui leaves the window out"))
	}
	t.add("-display", display)
}

func (t *translation) linux(boot config.Bootloader) {
	linux, ok := boot.(*config.LinuxBootloader)
	if !ok {
		t.refuse("--bootloader: only Linux kernels are booted directly under QEMU, not EFI or macOS")
		return
	}
	t.add("-kernel", linux.VmlinuzPath, "-initrd", linux.InitrdPath, "-append", linux.KernelCmdLine)
}

// escape doubles the commas of a value, as QEMU's option syntax wants it.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }
