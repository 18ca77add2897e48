package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/sockets"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// machine is a VM on its way: the document, what its argv means, and the VMM
// that shall run it.
type machine struct {
	Config
	doc     *launchdoc.Document
	place   place.VM
	sockets string // the directory that they lie in
	opts    *cmdline.Options
	vm      *config.VirtualMachine
	console *config.VirtioSerial // the one that we take care of, nil if the VM has none
	wanted  config.VirtioSerial  // what the document wants of it
	rules   []network.Rule
	cards   []*config.VirtioNet // those that are on a network of ours
	macs    []net.HardwareAddr  // their addresses
	vmm     vmm
	record  *instance.Record // what others may know of it, once it has the lock
	// shares are those that exist before the VM is prepared.
	shares seen
}

// vmm is a virtual machine monitor with the VM's command line for it.
type vmm interface {
	// name is the program's, for messages and log files.
	name() string
	// command returns argv; its first word is the program's path.
	command() []string
	// helpers returns the processes that the VMM needs beside it.
	helpers() []helper
	// check reports all that the VMM itself is missing on this host.
	check(context.Context) error
	// checkPlan reports what of the document the VMM cannot do on this host, or
	// should not.
	checkPlan(*machine) error
	// clearSockets removes what a VMM that was killed has left outside the VM's
	// own directories. No VMM may run.
	clearSockets()
	// attach puts the VM's cards on a network of ours. The files are for the VMM
	// to inherit, and the caller's to close.
	attach(*network.Network) ([]*os.File, error)
	// serveVsock makes the sockets for the guest's vsock ports, unless the VMM
	// does.
	serveVsock() error
	// stop asks the guest to shut down.
	stop() error
	// halt ends the VM at once, whatever the guest does. An error means that the
	// VMM must be killed for that.
	halt() error
	// running reports whether the VM runs, an error if that cannot be known yet.
	running() (bool, error)
	// watchDisks calls failed each time an image cannot be read or written, until
	// the VMM has ended.
	watchDisks(ended <-chan struct{}, failed func(qemu.DiskError))
	// resume lets a guest go on that is paused, for whatever reason.
	resume() error
	// sockets returns the paths of the VMM's own sockets, by purpose.
	sockets() map[string]string
	// terminals returns the pseudo-terminals that the VMM made for consoles.
	terminals() ([]string, error)
	// watch calls restarted each time the guest starts anew, until the VMM has
	// ended. It returns at once where the VMM tells nobody.
	watch(ended <-chan struct{}, restarted func())
}

// helper is a process that serves the VMM on a listening socket, which it
// inherits as descriptor 3.
type helper struct {
	name   string
	socket string
	dir    string // the directory that it shall serve
	argv   []string
}

func newMachine(ctx context.Context, doc *launchdoc.Document, c Config) (*machine, error) {
	vm, err := c.placeOf(doc)
	if err != nil {
		return nil, err
	}
	m := &machine{Config: c, place: vm, sockets: sockets.Choose(vm, c.Host, c.UID), shares: seen{}}
	m.doc = moveSockets(doc, m.sockets)
	if err := m.parse(); err != nil {
		return nil, err
	}
	if err := m.boundHostFiles(); err != nil {
		return nil, err
	}
	m.makeAbsolute()
	m.VMM = m.choose()
	if err := m.planNetwork(); err != nil {
		return nil, err
	}
	if err := m.planConsole(); err != nil {
		return nil, err
	}
	switch m.VMM {
	case VFKit:
		m.vmm, err = newVfkit(m)
	case QEMU:
		m.vmm, err = newQemu(ctx, m)
	default:
		err = fmt.Errorf("--vmm: %q is not one of auto, vfkit, qemu", m.VMM)
	}
	return m, err
}

// parse reads what the document's argv means.
func (m *machine) parse() (err error) {
	if m.opts, m.vm, err = vfkit.Parse(m.doc.Argv[1:]); err != nil {
		return prefix("argv", err)
	}
	return nil
}

// choose returns which VMM runs the VM. A path given for one of them decides.
func (m *machine) choose() string {
	switch {
	case m.VMM != Auto:
		return m.VMM
	case m.VFKit != "":
		return VFKit
	case m.QEMU != "" || runtime.GOOS != "darwin":
		return QEMU
	}
	return VFKit
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
	if len(m.vmm.helpers()) == 0 {
		return
	}
	if n, err := child.RaiseOpenFiles(); err != nil {
		m.Warn("open files: the limit cannot be raised: %v", err)
	} else if m.Verbose {
		m.Say("open files: up to %d", n)
	}
}

// prefix puts what in front of each message of err.
func prefix(what string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, prefix(what, e))
	}
	return errors.Join(errs...)
}
