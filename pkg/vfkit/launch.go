package vfkit

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

// Options are what a launch document depends on besides the boot document.
type Options struct {
	Flags
	// Rest are arguments for vfkit that are passed on as they are.
	Rest []string
	// Host is the environment, the working directory and the host's files.
	Host place.Host
}

// builder collects a launch document and all that is wrong with it.
type builder struct {
	Options
	boot     *bootdoc.Document
	vm       place.VM
	doc      *launchdoc.Document
	devices  []config.VirtioDevice
	warnings []string
	errs     []error
}

// Launch makes the launch document for a boot document. It creates nothing. The
// warnings are for the user; the error joins everything that is wrong.
func Launch(boot *bootdoc.Document, o Options) (*launchdoc.Document, []string, error) {
	vm, err := o.Host.VM(o.ID, boot.ID, boot.Name)
	if err != nil {
		return nil, nil, err
	}
	if o.Ephemeral {
		vm = vm.Another(strings.ToLower(rand.Text()[:8]))
	}
	b := &builder{Options: o, boot: boot, vm: vm, doc: &launchdoc.Document{
		Version:   launchdoc.Version,
		Name:      boot.Name,
		ID:        vm.ID,
		System:    boot.System,
		Ephemeral: o.Ephemeral,
		Roots:     boot.Roots,
	}}
	text, err := boot.Marshal()
	b.fail(err)
	b.doc.Boot = launchdoc.Compact(text)
	b.disks()
	b.storeImage()
	b.shares()
	b.rosetta()
	b.network()
	b.add(config.VirtioRngNew())
	b.display()
	b.console()
	b.vsock()
	b.credentials()
	if ssh := boot.Virtualisation.Nixvf.SSH; ssh.Enable {
		b.doc.SSH = cmp.Or(ssh.User, "root")
	}
	b.doc.Clock = boot.Virtualisation.Nixvf.Clock
	b.doc.Argv = b.argv()
	if len(b.errs) == 0 {
		b.check()
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, b.warnings, err
	}
	return b.doc, b.warnings, nil
}

// fail records an error, if there is one.
func (b *builder) fail(err error) {
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

func (b *builder) warn(format string, args ...any) {
	b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
}

// add adds a device. It takes the results of vfkit's constructors.
func (b *builder) add(device config.VirtioDevice, err error) {
	b.fail(err)
	b.devices = append(b.devices, device)
}

// noComma reports a value that vfkit's device syntax cannot carry.
func (b *builder) noComma(name, value string) string {
	if strings.Contains(value, ",") {
		b.fail(field(name, fmt.Errorf("%q contains a comma: vfkit separates device options with commas and has no escape for them", value)))
	}
	return value
}

// path returns the absolute host path that a field of the document or a flag
// stands for.
func (b *builder) path(name, value string) string {
	path, err := b.Host.Path(b.vm, value)
	b.fail(field(name, err))
	return b.noComma(name, path)
}

// rosetta adds Rosetta's share. Whether this host has Rosetta is not asked:
// the document may start elsewhere, so it says that the device can be dropped.
func (b *builder) rosetta() {
	if r := b.boot.Virtualisation.Rosetta; either(b.Rosetta, r.Enable) {
		b.fail(field("virtualisation.rosetta.mountTag", bootdoc.CheckTag(r.MountTag)))
		b.add(config.RosettaShareNew(r.MountTag))
		b.doc.Optional = append(b.doc.Optional, "rosetta,mountTag="+r.MountTag)
	}
}

// network adds the network card and what the network must do.
func (b *builder) network() {
	forwards, restrict := b.forwards()
	switch b.Net {
	case "", NetNAT:
	case NetNone:
		if len(forwards) > 0 {
			b.warn("--net none: no port is forwarded")
		}
		return
	default:
		b.fail(field("--net", fmt.Errorf("%q is neither %s nor %s", b.Net, NetNAT, NetNone)))
	}
	b.add(config.VirtioNetNew(b.mac().String()))
	b.doc.ForwardPorts, b.doc.RestrictNetwork = forwards, restrict
	b.doc.HostLoopback = b.HostLoopback
}

// mac returns the hardware address of the network card.
func (b *builder) mac() net.HardwareAddr {
	if b.MAC != nil {
		return net.HardwareAddr(b.MAC)
	}
	given := b.boot.Virtualisation.Nixvf.MAC
	if given == "" || b.Ephemeral { // of which there can be several at once
		return MACOf(b.vm.ID)
	}
	var mac MAC
	b.fail(field("nixvf.mac", mac.UnmarshalText([]byte(given))))
	return net.HardwareAddr(mac)
}

// MACOf returns the hardware address of the VM with the given id: always the
// same, so that the VM keeps its address on the host's network. Its first byte
// makes it a locally administered address of one card (IEEE 802).
func MACOf(id string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(id))
	return append(net.HardwareAddr{0x52}, sum[:5]...)
}

// forwards returns the forwarded ports of the document, of QEMU_NET_OPTS and
// of the flags, in this order and each once, and whether the network is
// restricted.
func (b *builder) forwards() (forwards []bootdoc.ForwardPort, restrict bool) {
	v := b.boot.Virtualisation
	more, restrict, rest, err := NetOpts(b.Host.Env("QEMU_NET_OPTS"))
	b.fail(field("QEMU_NET_OPTS", err))
	for _, opt := range rest {
		b.warn("QEMU_NET_OPTS: %q has no meaning here and is ignored", opt)
	}
	list := slices.Concat(v.ForwardPorts, more)
	for _, f := range b.Forward {
		list = append(list, bootdoc.ForwardPort(f))
	}
	for _, p := range list {
		taken := func(q bootdoc.ForwardPort) bool {
			return p.From == "host" && q.From == "host" && q.Proto == p.Proto && q.Host == p.Host
		}
		switch {
		case slices.Contains(forwards, p):
			continue
		case slices.ContainsFunc(forwards, taken):
			b.fail(fmt.Errorf("forwardPorts: %s port %d of the host is forwarded to more than one place", p.Proto, p.Host.Port))
		}
		forwards = append(forwards, p)
	}
	return forwards, restrict || v.RestrictNetwork
}

// display adds a screen, a keyboard and a pointer to a VM with graphics.
func (b *builder) display() {
	if !b.graphics() {
		return
	}
	r := b.boot.Virtualisation.Resolution
	b.add(&config.VirtioGPU{VirtioGPUResolution: config.VirtioGPUResolution{Width: r.X, Height: r.Y}}, nil)
	b.add(config.VirtioInputNew(config.VirtioInputPointingDevice))
	b.add(config.VirtioInputNew(config.VirtioInputKeyboardDevice))
}

func (b *builder) graphics() bool { return either(b.GUI, b.boot.Virtualisation.Graphics) }

// console adds the serial port that is the guest's hvc0.
func (b *builder) console() {
	name, console := "--console", b.Console
	if console == "" {
		name, console = "nixvf.console", b.boot.Virtualisation.Nixvf.Console
	}
	switch console {
	case "", ConsoleStdio:
		b.add(config.VirtioSerialNewStdio())
	case ConsolePTY:
		b.add(config.VirtioSerialNewPty())
	default:
		b.add(config.VirtioSerialNew(b.path(name, console)))
	}
}

// vsock adds, for each port, a socket on the host that leads to the guest's
// port.
func (b *builder) vsock() {
	ports := slices.Clone(b.Vsock)
	for _, port := range b.boot.Virtualisation.Nixvf.Vsock {
		ports = append(ports, Port(port))
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		b.doc.Sockets = b.vm.Sockets()
		b.add(config.VirtioVsockNew(uint(port), fmt.Sprintf("%s/vsock-%d.sock", b.doc.Sockets, port), false))
	}
}

// argv returns vfkit's command line.
func (b *builder) argv() []string {
	v := b.boot.Virtualisation
	cpus, memory := v.Cores, v.MemorySize
	if b.CPUs != 0 {
		cpus = int(b.CPUs)
	}
	if b.Memory != 0 {
		memory = int(b.Memory)
	}
	kernel := config.NewLinuxBootloader(b.boot.Kernel, b.kernelCommandLine(), b.boot.Initrd)
	vm := config.NewVirtualMachine(uint(cpus), uint64(memory), kernel)
	vm.Devices = b.devices
	vm.Nested = either(b.Nested, v.Nixvf.Nested)
	args, err := vm.ToCmdLine()
	if len(b.errs) == 0 {
		b.fail(err)
	}
	if b.graphics() {
		args = append(args, "--gui")
	}
	return slices.Concat([]string{"vfkit"}, args, b.Rest)
}

// check passes the command line through vfkit's parser, and looks at what that
// lets through.
func (b *builder) check() {
	for _, arg := range b.doc.Argv {
		if !utf8.ValidString(arg) || strings.ContainsFunc(arg, unicode.IsControl) {
			b.fail(fmt.Errorf("argv: %q is not plain text", arg))
		}
	}
	c, err := Parse(b.doc.Argv[1:])
	switch {
	case err == nil:
		b.fail(checkTags(c.VM))
	case len(b.Rest) > 0: // only these can be wrong here
		b.fail(fault.Usage(err))
	default:
		b.fail(err)
	}
}

// checkTags reports mount tags that more than one share has.
func checkTags(vm *config.VirtualMachine) error {
	var errs []error
	seen := map[string]int{}
	for _, device := range vm.Devices {
		tag := ""
		switch d := device.(type) {
		case *config.VirtioFs:
			tag = d.MountTag
		case *config.RosettaShare:
			tag = d.MountTag
		default:
			continue
		}
		if seen[tag]++; seen[tag] == 2 {
			errs = append(errs, fmt.Errorf("mount tag %q is given to more than one share", tag))
		}
	}
	return errors.Join(errs...)
}

// either returns what a flag says, or else the document.
func either(flag *bool, document bool) bool {
	if flag != nil {
		return *flag
	}
	return document
}

// field puts the name of a field before an error, if there is one. An error
// about a flag is wrong usage.
func field(name string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", name, err)
	if strings.HasPrefix(name, "--") {
		return fault.Usage(err)
	}
	return err
}
