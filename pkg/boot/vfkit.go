package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// oldestVfkit is the first version that is taken: earlier ones attach disks in
// a caching mode that corrupts ext4.
var oldestVfkit = []int{0, 5, 1}

// vfkitVMM runs the VM under vfkit, as the document has it.
type vfkitVMM struct {
	path    string
	args    []string
	version versions
	rest    vfkit.Endpoint
	images  []string // that it writes to
	nets    []string // paths of the sockets that its network cards connect to
}

func newVfkit(m *machine) (vmm, error) {
	path, err := find(m.VFKit, "vfkit")
	if err != nil {
		return nil, fault.Hint(err, "install vfkit (github.com/crc-org/vfkit), or name its path with --vfkit")
	}
	v := &vfkitVMM{path: path, args: slices.Clone(m.doc.Argv[1:]), version: m.versions(), images: m.written()}
	if v.rest, err = vfkit.ParseEndpoint(m.opts.RestfulURI); err != nil {
		return nil, fmt.Errorf("argv: --restful-uri %q: %w", m.opts.RestfulURI, err)
	}
	if v.rest.Network == "" {
		v.rest = vfkit.Endpoint{Network: "unix", Address: filepath.Join(m.sockets, "rest.sock")}
		v.args = append(v.args, "--restful-uri", v.rest.String()) // the last one counts
	}
	if err := v.moveCards(m); err != nil {
		return nil, err
	}
	v.dropOptional(m)
	v.moveConsole(m)
	if m.opts.UseGUI {
		m.Say("--gui: when its window is closed, the VM runs on without one")
	}
	if m.opts.LogLevel == "" && !m.Verbose {
		v.args = append(v.args, "--log-level", "error")
	}
	return v, nil
}

func (v *vfkitVMM) name() string      { return "vfkit" }
func (v *vfkitVMM) command() []string { return append([]string{v.path}, v.args...) }
func (v *vfkitVMM) helpers() []helper { return nil }

// moveCards puts the cards that are on a network of ours on sockets.
func (v *vfkitVMM) moveCards(m *machine) error {
	for i, device := range m.vm.Devices {
		card, ok := device.(*config.VirtioNet)
		if !ok || !slices.Contains(m.cards, card) {
			continue
		}
		path := filepath.Join(m.sockets, fmt.Sprintf("net-%d.sock", len(v.nets)))
		if strings.Contains(path, ",") {
			return fmt.Errorf("network: %q holds a comma, which vfkit's devices cannot carry", path)
		}
		v.nets = append(v.nets, path)
		moved := config.VirtioNet{UnixSocketPath: path, MacAddress: card.MacAddress, VfkitMagic: true}
		words, err := moved.ToCmdLine()
		if err != nil {
			return err
		}
		replaceDevice(v.args, m.opts.Devices[i], words[1])
	}
	return nil
}

// moveConsole puts the console that we take care of on vfkit's stdin and stdout.
func (v *vfkitVMM) moveConsole(m *machine) {
	for i, device := range m.vm.Devices {
		if d, ok := device.(*config.VirtioSerial); ok && d == m.console {
			replaceDevice(v.args, m.opts.Devices[i], ownConsole)
		}
	}
}

// replaceDevice puts another device in the place of the first --device that is
// old.
func replaceDevice(args []string, old, new string) {
	for i, arg := range args {
		switch {
		case arg == "--device="+old:
			args[i] = "--device=" + new
		case arg == "-d"+old:
			args[i] = "-d" + new
		case arg == old && i > 0 && (args[i-1] == "--device" || args[i-1] == "-d"):
			args[i] = new
		default:
			continue
		}
		return
	}
}

// dropOptional drops the devices that the document calls optional and this host
// cannot have: Rosetta, without which vfkit would not start.
func (v *vfkitVMM) dropOptional(m *machine) {
	if _, err := os.Stat(m.Rosetta); err == nil {
		return
	}
	for i := len(m.vm.Devices) - 1; i >= 0; i-- {
		text := m.opts.Devices[i]
		if _, ok := m.vm.Devices[i].(*config.RosettaShare); !ok || !slices.Contains(m.doc.Optional, text) {
			continue
		}
		v.args = withoutDevice(v.args, text)
		m.vm.Devices, m.opts.Devices = slices.Delete(m.vm.Devices, i, i+1), slices.Delete(m.opts.Devices, i, i+1)
		m.Say("--device rosetta: dropped, Rosetta is not installed here (softwareupdate --install-rosetta)")
	}
}

// withoutDevice returns args without the first --device that is device.
func withoutDevice(args []string, device string) []string {
	for i, arg := range args {
		switch {
		case arg == "--device="+device || arg == "-d"+device:
			return slices.Delete(args, i, i+1)
		case arg == device && i > 0 && (args[i-1] == "--device" || args[i-1] == "-d"):
			return slices.Delete(args, i-1, i+1)
		}
	}
	return args
}

// attach listens where the cards will connect.
func (v *vfkitVMM) attach(n *network.Network) ([]*os.File, error) {
	for _, path := range v.nets {
		if err := n.Listen(path); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (v *vfkitVMM) checkPlan(m *machine) error {
	return errors.Join(v.checkCPUs(m.vm), v.checkControl(m))
}

// checkCPUs reports more virtual CPUs than this host has:
// Virtualization.framework takes no more.
func (v *vfkitVMM) checkCPUs(vm *config.VirtualMachine) error {
	if most := runtime.NumCPU(); vm.Vcpus > uint(most) {
		err := fmt.Errorf("argv: --cpus %d: this host has %d, and vfkit takes no more", vm.Vcpus, most)
		return fault.Hint(err, "nixvf-args --cpus, or virtualisation.cores, sets it")
	}
	return nil
}

// check looks at vfkit's version.
func (v *vfkitVMM) check(ctx context.Context) error {
	return v.version.check(ctx, v.path, CheckVfkitVersion)
}

var vfkitVersion = regexp.MustCompile(`version: v?(\d+)\.(\d+)\.(\d+)`)

// CheckVfkitVersion reports a version that is too old. A development build,
// whose version is "unknown", is trusted.
func CheckVfkitVersion(text string) error {
	match := vfkitVersion.FindStringSubmatch(text)
	if match == nil {
		if strings.Contains(text, "vfkit version: ") {
			return nil
		}
		return fmt.Errorf("prints no version of vfkit: %q", text)
	}
	var version []int
	for _, digits := range match[1:] {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return err
		}
		version = append(version, n)
	}
	if slices.Compare(version, oldestVfkit) < 0 {
		return fmt.Errorf("version %s corrupts disks, 0.5.1 or newer is needed", strings.Join(match[1:], "."))
	}
	return nil
}

// watch returns at once: vfkit goes on through a restart of the guest, of which
// Virtualization.framework tells it nothing.
func (v *vfkitVMM) watch(<-chan struct{}, func()) {}
