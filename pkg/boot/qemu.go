package boot

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
	"strings"
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

// qemuVMM runs the VM under QEMU, with a virtiofsd for each share.
type qemuVMM struct {
	path    string
	plan    *qemu.Plan
	version versions
	shares  []helper
	cards   int // on sockets of ours
}

func newQemu(ctx context.Context, m *machine) (vmm, error) {
	system := m.guestSystem()
	plan, err := qemu.Translate(m.opts, m.vm, qemu.Host{
		System:   system,
		KVM:      system == hostSystem() && hasKVM(),
		Display:  m.hasDisplay(),
		Sockets:  m.sockets,
		Optional: m.doc.Optional,
		CardFD:   m.cardFD(),
		Vsock:    access(vsock.Device, unix.R_OK|unix.W_OK) == nil,
		CID:      vsock.CID(m.place.ID),
	})
	if err != nil {
		return nil, prefix("qemu", err)
	}
	for _, w := range plan.Warnings {
		m.Warn("%s", w)
	}
	path, err := find(m.QEMU, plan.Program)
	if err != nil {
		err = fault.Hint(err, "install QEMU, or name its path with --qemu")
	}
	v := &qemuVMM{path: path, plan: plan, version: m.versions(), cards: len(m.cards)}
	if err == nil && v.version.sandboxes(ctx, path) {
		plan.Args = append(plan.Args, qemu.Sandbox(m.opts.UseGUI)...)
	}
	return v, errors.Join(err, v.addShares(ctx, m))
}

// hasKVM reports whether guests of the host's platform can run on its own CPU.
func hasKVM() bool {
	cpu, err := os.ReadFile(qemu.CPUInfo)
	return err == nil && qemu.CheckCPU(string(cpu)) == nil && access(qemu.KVM, unix.R_OK|unix.W_OK) == nil
}

// hasDisplay reports whether a window can be opened: under Wayland or X11.
func (m *machine) hasDisplay() bool {
	return m.Host.Env("WAYLAND_DISPLAY") != "" || m.Host.Env("DISPLAY") != ""
}

// addShares finds virtiofsd and makes a helper for each share.
func (v *qemuVMM) addShares(ctx context.Context, m *machine) error {
	if len(v.plan.Shares) == 0 {
		return nil
	}
	path, err := find(m.Virtiofsd, append([]string{"virtiofsd"}, qemu.Daemons...)...)
	if err != nil {
		return fault.Hint(err, "install virtiofsd (in older distributions a part of QEMU's packages), or name its path with --virtiofsd")
	}
	// Its output tells more than its exit status, which is an error for some.
	var help bytes.Buffer
	cmd := exec.Command(path, "--help")
	cmd.Stdout, cmd.Stderr = &help, &help
	_ = child.Run(ctx, path, cmd)
	daemon, err := qemu.NewDaemon(path, help.String(), m.UID)
	if err != nil {
		return fault.Hint(err, "--virtiofsd names another one; the one in Rust (Debian 13, nixpkgs) needs no root")
	}
	for _, s := range v.plan.Shares {
		served := qemu.Served{Dir: s.Dir, ReadOnly: m.readOnly(s.Tag, s.Dir), Store: inStore(s.Dir), Root: m.UID == 0}
		if served.ReadOnly && !daemon.ReadOnly && isRoot(s.Dir) {
			err := fmt.Errorf("share %q: %s cannot share / read-only", s.Tag, path)
			return fault.Hint(err, "--virtiofsd names another one; the one in Rust (Debian 13, nixpkgs) can")
		}
		m.tellReadOnly(s)
		v.shares = append(v.shares, helper{name: "virtiofsd", socket: s.Socket, dir: s.Dir, argv: daemon.Command(served)})
	}
	return nil
}

// tellReadOnly says that a share is read-only although nobody asked for it.
func (m *machine) tellReadOnly(s qemu.Share) {
	if slices.Contains(m.doc.ReadOnly, s.Tag) || inStore(s.Dir) || m.UnsafeStore {
		return
	}
	if at, reason := m.storeBehind(s.Dir); reason != "" {
		m.Warn("share %q: it is read-only, because root in the guest could write to %s through it (--unsafe-store allows that)", s.Tag, at)
	}
}

// isRoot reports whether a directory is the root of the file system, which no
// mount over itself makes read-only.
func isRoot(dir string) bool {
	root, err := os.Stat("/")
	info, err2 := os.Stat(dir)
	return err == nil && err2 == nil && os.SameFile(root, info)
}

func (v *qemuVMM) name() string      { return "qemu" }
func (v *qemuVMM) command() []string { return append([]string{v.path}, v.plan.Args...) }
func (v *qemuVMM) helpers() []helper { return v.shares }

// attach makes the sockets that QEMU inherits for its cards.
func (v *qemuVMM) attach(n *network.Network) ([]*os.File, error) {
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

// check looks at QEMU's version.
func (v *qemuVMM) check(ctx context.Context) error {
	return v.version.check(ctx, v.path, CheckQEMUVersion)
}

var qemuVersion = regexp.MustCompile(`QEMU emulator version (\d+)\.`)

// CheckQEMUVersion reports a version that is too old.
func CheckQEMUVersion(text string) error {
	match := qemuVersion.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("prints no version of QEMU: %q", text)
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

func (v *qemuVMM) stop() error {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return err
	}
	defer mon.Close()
	err = mon.Powerdown()
	if refused := (*qemu.RefusedError)(nil); errors.As(err, &refused) {
		return refusal(refused.Reason)
	}
	return err
}

// halt leaves it to the kernel: QEMU's end is the guest's.
func (v *qemuVMM) halt() error { return errors.New("QEMU is killed") }

func (v *qemuVMM) running() (bool, error) {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return false, err
	}
	defer mon.Close()
	return mon.Running()
}

func (v *qemuVMM) sockets() map[string]string { return map[string]string{"qmp": v.plan.Monitor} }

func (v *qemuVMM) terminals() ([]string, error) {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return nil, err
	}
	defer mon.Close()
	return mon.Terminals()
}

// checkPlan has nothing to say: the translation has said it.
func (v *qemuVMM) checkPlan(*machine) error { return nil }

// clearSockets has nothing to do: QEMU's sockets are in the VM's directory.
func (v *qemuVMM) clearSockets() {}

// find returns the path of the first of several programs that is there; given,
// if not empty, is the only choice.
func find(given string, names ...string) (string, error) {
	if given != "" {
		names = []string{given}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if strings.Contains(names[0], "/") {
		return "", fmt.Errorf("%s: no such program", names[0])
	}
	return "", fmt.Errorf("%s: not found in PATH", names[0])
}
