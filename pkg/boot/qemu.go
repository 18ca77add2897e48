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
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/qemu"
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
	system, err := m.guestSystem()
	if err != nil {
		return nil, err
	}
	plan, err := qemu.Translate(m.opts, m.vm, qemu.Host{
		System:   system,
		KVM:      system == hostSystem() && access("/dev/kvm", 6) == nil,
		Sockets:  m.place.Sockets(m.UID),
		Optional: m.doc.Optional,
		CardFD:   m.cardFD(),
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
	return v, errors.Join(err, v.addShares(ctx, m))
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
	daemon, err := qemu.NewDaemon(path, help.String())
	if err != nil {
		return fault.Hint(err, "--virtiofsd names another one; the one in Rust (Debian 13, nixpkgs) needs no root")
	}
	for _, s := range v.plan.Shares {
		argv := daemon.Command(qemu.Served{
			Dir: s.Dir, ReadOnly: m.readOnly(s.Tag, s.Dir), Store: inStore(s.Dir), Root: m.UID == 0,
		})
		v.shares = append(v.shares, helper{name: "virtiofsd", socket: s.Socket, argv: argv})
	}
	return nil
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
	return v.version.check(ctx, v.path, checkQEMUVersion)
}

var qemuVersion = regexp.MustCompile(`QEMU emulator version (\d+)\.`)

// checkQEMUVersion reports a version that is too old.
func checkQEMUVersion(text string) error {
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

// monitor connects to QEMU's control socket.
func (v *qemuVMM) monitor() (*qemu.Monitor, error) {
	conn, err := net.DialTimeout("unix", v.plan.Monitor, monitorWait)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(monitorWait)); err != nil {
		conn.Close()
		return nil, err
	}
	return qemu.NewMonitor(conn)
}

func (v *qemuVMM) stop() error {
	mon, err := v.monitor()
	if err != nil {
		return err
	}
	defer mon.Close()
	return mon.Powerdown()
}

func (v *qemuVMM) running() (bool, error) {
	mon, err := v.monitor()
	if err != nil {
		return false, err
	}
	defer mon.Close()
	return mon.Running()
}

func (v *qemuVMM) sockets() map[string]string { return map[string]string{"qmp": v.plan.Monitor} }

func (v *qemuVMM) terminals() ([]string, error) {
	mon, err := v.monitor()
	if err != nil {
		return nil, err
	}
	defer mon.Close()
	return mon.Terminals()
}

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

// platforms names Go's architectures as Nix does.
var platforms = map[string]string{"amd64": "x86_64-linux", "arm64": "aarch64-linux"}

// hostSystem is the platform of guests that this host's CPU can run itself.
func hostSystem() string { return platforms[runtime.GOARCH] }

// guestSystem is the guest's platform: the document's, else what the kernel was
// made for.
func (m *machine) guestSystem() (string, error) {
	if m.doc.System != "" {
		return m.doc.System, nil
	}
	linux, ok := m.vm.Bootloader.(*config.LinuxBootloader)
	if !ok {
		return hostSystem(), nil
	}
	f, err := os.Open(linux.VmlinuzPath)
	if err != nil {
		return "", fmt.Errorf("kernel: %w", err)
	}
	defer f.Close()
	head := make([]byte, 0x206)
	_, _ = f.ReadAt(head, 0) // a short file is no kernel, and holds no magic
	return kernelSystem(head), nil
}

// kernelSystem tells a kernel's platform from its first 0x206 bytes: "HdrS" at
// 0x202 is an x86 bzImage (Documentation/arch/x86/boot.rst), "ARM\x64" at 0x38
// an arm64 Image (Documentation/arch/arm64/booting.rst). Anything else is
// taken for the host's.
func kernelSystem(head []byte) string {
	switch {
	case string(head[0x202:0x206]) == "HdrS":
		return "x86_64-linux"
	case string(head[0x38:0x3c]) == "ARM\x64":
		return "aarch64-linux"
	}
	return hostSystem()
}
