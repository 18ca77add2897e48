package boot

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
	"github.com/nixvf/nixvf/pkg/vfkit"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// machine is a VM on its way: the document, what its argv means, and the VMM
// that is to run it.
type machine struct {
	Config
	doc     *launchdoc.Document
	place   place.VM
	sockets string // the directory that they lie in
	command *vfkit.Command
	vm      *config.VirtualMachine // the command's
	console *config.VirtioSerial   // the one that we take care of, nil if the VM has none
	wanted  config.VirtioSerial    // what the document wants of it
	rules   []network.Rule
	cards   []*config.VirtioNet // those that are on a network of ours
	macs    []net.HardwareAddr  // their addresses
	kind    vmm.Kind
	vmm     vmm.VMM
	linked  bool             // a card of the VM is on a link of ours, for ssh
	record  *instance.Record // what others may know of it, once it has the lock
	// shares are those that exist before the VM is prepared.
	shares seen
}

func newMachine(ctx context.Context, doc *launchdoc.Document, c Config) (*machine, error) {
	vm, err := c.Place(doc)
	if err != nil {
		return nil, err
	}
	m := &machine{Config: c, place: vm, sockets: sockets.Choose(vm, c.Host, c.UID), shares: seen{}}
	m.doc = moveSockets(doc, m.sockets)
	if m.kind, err = vmm.Choose(c.VMM, c.Programs); err != nil {
		return nil, err
	}
	if err := m.planSSH(); err != nil {
		return nil, err
	}
	if err := m.planClock(); err != nil {
		return nil, err
	}
	if err := m.planCredentials(); err != nil {
		return nil, err
	}
	if err := m.parse(); err != nil {
		return nil, err
	}
	if err := m.boundHostFiles(); err != nil {
		return nil, err
	}
	m.makeAbsolute()
	if err := m.planNetwork(); err != nil {
		return nil, err
	}
	if err := m.planConsole(); err != nil {
		return nil, err
	}
	m.tellReadOnly()
	m.vmm, err = m.kind.New(ctx, m.plan())
	return m, err
}

// parse reads what the document's argv means.
func (m *machine) parse() (err error) {
	if m.command, err = vfkit.Parse(m.doc.Argv[1:]); err != nil {
		return fault.Each("argv", err)
	}
	m.vm = m.command.VM
	return nil
}

// plan is what the VMM may know of the VM.
func (m *machine) plan() vmm.Plan {
	cache, _ := m.Host.Cache() // without one nothing is remembered
	plan := vmm.Plan{
		Command: m.command, ID: m.place.ID, System: m.guestSystem(), Dir: m.place.Dir, Sockets: m.sockets,
		Optional: m.doc.Optional, Cards: m.cards, CardFD: m.cardFD(), Images: m.written(),
		Programs: m.Programs, Rosetta: m.Rosetta, Cache: cache, UID: m.UID, Display: m.hasDisplay(),
		Verbose: m.Verbose, Say: m.Say, Warn: m.Warn,
	}
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		plan.Shares = append(plan.Shares, vmm.Share{ReadOnly: m.readOnly(d.MountTag, d.SharedDir), Store: inStore(d.SharedDir)})
	}
	return plan
}

// hasDisplay reports whether a window can be opened: under Wayland or X11.
func (m *machine) hasDisplay() bool {
	return m.Host.Env("WAYLAND_DISPLAY") != "" || m.Host.Env("DISPLAY") != ""
}

// readOnly reports whether the guest must not write to a share: the document
// says so, or it is the Nix store, or the guest could write to the store through
// it. A store that only an argv names, without a document, is no less precious.
func (m *machine) readOnly(tag, dir string) bool {
	if slices.Contains(m.doc.ReadOnly, tag) || inStore(dir) {
		return true
	}
	_, reason := m.storeBehind(dir)
	return reason != "" && !m.UnsafeStore
}

// makeAbsolute makes the paths of files absolute that argv gives as relative
// ones: what vm:1.raw or fat:rw:/dir is to QEMU is no file.
func (m *machine) makeAbsolute() {
	absolute := func(paths ...*string) {
		for _, p := range paths {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = strings.TrimSuffix(m.Host.Dir, "/") + "/" + *p // as it stands: "link/.." is above where the link leads
			}
		}
	}
	if linux, ok := m.vm.Bootloader.(*config.LinuxBootloader); ok {
		absolute(&linux.VmlinuzPath, &linux.InitrdPath)
	}
	for _, device := range m.vm.Devices {
		switch d := device.(type) {
		case *config.VirtioFs:
			absolute(&d.SharedDir)
		case *config.VirtioSerial:
			absolute(&d.LogFile)
		case *config.VirtioVsock:
			absolute(&d.SocketURL)
		case *config.VirtioBlk:
			absolute(&d.ImagePath)
		case *config.NVMExpressController:
			absolute(&d.ImagePath)
		case *config.USBMassStorage:
			absolute(&d.ImagePath)
		}
	}
}

// usesStdio reports whether a console of a VM is on the VMM's stdin and
// stdout.
func usesStdio(vm *config.VirtualMachine) bool {
	return slices.ContainsFunc(config.FilterDevices[*config.VirtioSerial](vm),
		func(d *config.VirtioSerial) bool { return d.UsesStdio })
}

// usesPty reports whether a console of the VM is on a pseudo-terminal of the
// VMM's own.
func (m *machine) usesPty() bool {
	return slices.ContainsFunc(config.FilterDevices[*config.VirtioSerial](m.vm),
		func(d *config.VirtioSerial) bool { return d.UsesPty })
}

// raiseLimits lets the VMM's helpers hold many files open: virtiofsd has one for
// each of a share that the guest remembers. Under vfkit a service of Apple's has
// them, with limits of its own.
func (m *machine) raiseLimits() {
	if len(m.vmm.Helpers()) == 0 {
		return
	}
	if n, err := child.RaiseOpenFiles(); err != nil {
		m.Warn("open files: the limit cannot be raised: %v", err)
	} else if m.Verbose {
		m.Say("open files: up to %d", n)
	}
}
