package vmm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/vsock"
)

// oldestQEMU is the first major version that is taken: it has all the options
// of package qemu's plans (memory-backend of a machine came with 5.0).
const oldestQEMU = 6

// qemuKind is QEMU, on Linux's KVM or by emulation. Its own network lets the guest
// reach whatever listens on the host's loopback interface.
var qemuKind = Kind{
	Name:   "qemu",
	Traits: Traits{ReadOnlyShares: true, AppendsLogs: true, TellsPanic: true},
	make:   newQemu,
}

// qemuVMM runs the VM under QEMU, with a virtiofsd for each share.
type qemuVMM struct {
	path    string
	plan    *qemu.Plan
	version versions
	shares  []Helper
	cards   int // on sockets of ours
}

func newQemu(ctx context.Context, p Plan) (VMM, error) {
	plan, err := qemu.Translate(p.Command, qemu.Host{
		System:   p.System,
		KVM:      p.System == HostSystem() && hasKVM(),
		Nests:    slices.ContainsFunc(qemu.NestFiles, nests),
		Display:  p.Display,
		Sockets:  p.Sockets,
		Optional: p.Optional,
		CardFD:   p.CardFD,
		Vsock:    usable(vsock.Device),
		CID:      vsock.CID(p.ID),
	})
	if err != nil {
		return nil, fault.Each("qemu", err)
	}
	for _, w := range plan.Warnings {
		p.Warn("%s", w)
	}
	path, err := p.Programs.find("qemu", plan.Program)
	if err != nil {
		err = fault.Hint(err, "install QEMU, or give its path with --qemu")
	}
	v := &qemuVMM{path: path, plan: plan, version: p.versions(), cards: len(p.Cards)}
	if err == nil && v.version.sandboxes(ctx, path) {
		plan.Args = append(plan.Args, qemu.Sandbox(p.Command.Options.UseGUI)...)
	}
	return v, errors.Join(err, v.addShares(ctx, p))
}

// hasKVM reports whether guests of the host's platform can run on its own CPU.
func hasKVM() bool {
	cpu, err := os.ReadFile(qemu.CPUInfo)
	return err == nil && qemu.CheckCPU(string(cpu)) == nil && usable(qemu.KVM)
}

func nests(file string) bool {
	parameter, err := os.ReadFile(file)
	return err == nil && qemu.Nests(string(parameter))
}

// usable reports whether this user may read and write a device.
func usable(device string) bool { return unix.Access(device, unix.R_OK|unix.W_OK) == nil }

// addShares finds virtiofsd and makes a helper for each share.
func (v *qemuVMM) addShares(ctx context.Context, p Plan) error {
	if len(v.plan.Shares) == 0 {
		return nil
	}
	path, err := p.Programs.find("virtiofsd", append([]string{"virtiofsd"}, qemu.Daemons...)...)
	if err != nil {
		return fault.Hint(err, "install virtiofsd (part of QEMU's packages in older distributions), or give its path with --virtiofsd")
	}
	// Its output tells more than its exit status, which is an error for some.
	var help bytes.Buffer
	cmd := exec.Command(path, "--help")
	cmd.Stdout, cmd.Stderr = &help, &help
	_ = child.Run(ctx, path, cmd)
	daemon, err := qemu.NewDaemon(path, help.String(), p.UID)
	if err != nil {
		return fault.Hint(err, "the virtiofsd written in Rust (Debian 13, nixpkgs) needs no root; --virtiofsd gives its path")
	}
	for i, s := range v.plan.Shares {
		known := p.Shares[i]
		served := qemu.Served{Dir: s.Dir, ReadOnly: known.ReadOnly, Store: known.Store, Root: p.UID == 0}
		if served.ReadOnly && !daemon.ReadOnly && isRoot(s.Dir) {
			err := fmt.Errorf("share %q: %s cannot share / read-only", s.Tag, path)
			return fault.Hint(err, "use the virtiofsd written in Rust (Debian 13, nixpkgs); --virtiofsd gives its path")
		}
		v.shares = append(v.shares, Helper{Name: "virtiofsd", Socket: s.Socket, Dir: s.Dir, Argv: daemon.Command(served)})
	}
	return nil
}

// isRoot reports whether a directory is the root of the file system, which no
// mount over itself makes read-only.
func isRoot(dir string) bool {
	root, err := os.Stat("/")
	info, err2 := os.Stat(dir)
	return err == nil && err2 == nil && os.SameFile(root, info)
}

func (v *qemuVMM) Command() []string { return append([]string{v.path}, v.plan.Args...) }
func (v *qemuVMM) Helpers() []Helper { return v.shares }

// Attach makes the sockets that QEMU inherits for its cards.
func (v *qemuVMM) Attach(n *network.Network) ([]*os.File, error) {
	var files []*os.File
	for range v.cards {
		f, err := n.Pair()
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Check looks at QEMU's version.
func (v *qemuVMM) Check(ctx context.Context) error {
	return v.version.check(ctx, v.path, CheckQEMUVersion)
}

var qemuVersion = regexp.MustCompile(`QEMU emulator version (\d+)\.`)

// CheckQEMUVersion returns an error for a version that is too old.
func CheckQEMUVersion(text string) error {
	match := qemuVersion.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("did not print a version of QEMU: %q", text)
	}
	major, err := strconv.Atoi(match[1])
	if err == nil && major < oldestQEMU {
		err = fmt.Errorf("QEMU %d is too old, %d or newer is needed", major, oldestQEMU)
	}
	return err
}

// monitorWait bounds a talk with QEMU's monitor.
const monitorWait = 2 * time.Second

// monitor connects to one of QEMU's control sockets. Where events are awaited
// there is no limit of time: the connection ends with QEMU.
func (v *qemuVMM) monitor(socket string) (*qemu.Monitor, error) {
	conn, err := net.DialTimeout("unix", socket, monitorWait)
	if err != nil {
		return nil, err
	}
	if socket != v.plan.Monitor {
		return qemu.NewMonitor(conn)
	}
	if err := conn.SetDeadline(time.Now().Add(monitorWait)); err != nil {
		conn.Close()
		return nil, err
	}
	return qemu.NewMonitor(conn)
}

func (v *qemuVMM) Stop() error {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return err
	}
	defer mon.Close()
	err = mon.Powerdown()
	if refused := (*qemu.RefusedError)(nil); errors.As(err, &refused) {
		return Refusal(refused.Reason)
	}
	return err
}

// Halt leaves it to the kernel: QEMU's end is the guest's.
func (v *qemuVMM) Halt() error { return errors.New("QEMU was killed") }

func (v *qemuVMM) Running() (bool, error) {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return false, err
	}
	defer mon.Close()
	return mon.Running()
}

func (v *qemuVMM) Sockets() map[string]string { return map[string]string{"qmp": v.plan.Monitor} }

func (v *qemuVMM) Terminals() ([]string, error) {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return nil, err
	}
	defer mon.Close()
	return mon.Terminals()
}

// CheckPlan has nothing to say: the translation has said it.
func (v *qemuVMM) CheckPlan() error { return nil }

// ClearSockets has nothing to do: QEMU's sockets are in the VM's directory.
func (v *qemuVMM) ClearSockets() {}

// ServeVsock makes the sockets that lead to the guest.
func (v *qemuVMM) ServeVsock() error {
	for _, port := range v.plan.Vsock {
		_, err := vsock.Serve(port.Socket, func() (vsock.Conn, error) { return vsock.Dial(v.plan.CID, port.Port) })
		if err != nil {
			return err
		}
	}
	return nil
}

// retry is how long QEMU is given to make a socket, before it is tried again.
const retry = 50 * time.Millisecond

// Watch reads QEMU's events on a control socket of their own, which it may take
// a moment to make.
func (v *qemuVMM) Watch(ended <-chan struct{}, restarted func()) {
	mon := v.await(v.plan.Events, ended)
	if mon == nil {
		return
	}
	defer mon.Close()
	for mon.AwaitRestart() == nil {
		restarted()
	}
}

// WatchDisks reads QEMU's events on another one.
func (v *qemuVMM) WatchDisks(ended <-chan struct{}, failed func(DiskError)) {
	if mon := v.await(v.plan.Trouble, ended); mon != nil {
		defer mon.Close()
		_ = v.plan.DiskErrors(mon, failed) // which QEMU's end ends
	}
}

// await connects to a control socket once it is there, nil when QEMU has ended.
func (v *qemuVMM) await(socket string, ended <-chan struct{}) *qemu.Monitor {
	for {
		if mon, err := v.monitor(socket); err == nil {
			return mon
		}
		select {
		case <-ended:
			return nil
		case <-time.After(retry):
		}
	}
}

func (v *qemuVMM) Resume() error {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return err
	}
	defer mon.Close()
	return mon.Resume()
}

// Explain has nothing to say: what QEMU prints is short.
func (v *qemuVMM) Explain(string) (why, advice string) { return "", "" }
