package vmm

import (
	"cmp"
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
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// RosettaFile is the program that macOS shares with Linux guests, where it is
// installed.
const RosettaFile = "/Library/Apple/usr/libexec/oah/RosettaLinux/rosetta"

// oldestVfkit is the first version that is taken: earlier ones attach disks in
// a caching mode that corrupts ext4.
var oldestVfkit = []int{0, 5, 1}

// nestingVfkit is the first version that knows --nested.
var nestingVfkit = []int{0, 6, 2}

// vfkitKind is vfkit (github.com/crc-org/vfkit), on Apple's
// Virtualization.framework.
var vfkitKind = Kind{
	Name: "vfkit", System: "darwin",
	Traits: Traits{NAT: true, Vsock: true, TellsTime: true, RequestLog: true},
	make:   newVfkit,
}

// vfkitVMM runs the VM under vfkit, as the plan has it.
type vfkitVMM struct {
	plan    Plan
	path    string
	more    []string // arguments after the plan's
	version versions
	rest    vfkit.Endpoint
	nets    []string // paths of the sockets that its network cards connect to
}

func newVfkit(_ context.Context, p Plan) (VMM, error) {
	path, err := p.Programs.find("vfkit", "vfkit")
	if err != nil {
		return nil, fault.Hint(err, "install vfkit (github.com/crc-org/vfkit), or give its path with --vfkit")
	}
	v := &vfkitVMM{plan: p, path: path, version: p.versions()}
	opts := p.Command.Options
	if v.rest, err = vfkit.ParseEndpoint(opts.RestfulURI); err != nil {
		return nil, fmt.Errorf("argv: --restful-uri %q: %w", opts.RestfulURI, err)
	}
	if v.rest.Network == "" {
		v.rest = vfkit.Endpoint{Network: "unix", Address: filepath.Join(p.Sockets, "rest.sock")}
		v.more = append(v.more, "--restful-uri", v.rest.String()) // the last one counts
	}
	if err := v.moveCards(); err != nil {
		return nil, err
	}
	v.dropOptional()
	if opts.UseGUI {
		p.Say("--gui: when the window is closed, the VM keeps running without one")
	}
	if opts.LogLevel == "" && !p.Verbose {
		v.more = append(v.more, "--log-level", "error")
	}
	return v, nil
}

func (v *vfkitVMM) Command() []string {
	return slices.Concat([]string{v.path}, v.plan.Command.Args(), v.more)
}

func (v *vfkitVMM) Helpers() []Helper { return nil }

// moveCards puts the cards that are on a network of ours on sockets.
func (v *vfkitVMM) moveCards() error {
	for i, card := range v.plan.Cards {
		path := filepath.Join(v.plan.Sockets, fmt.Sprintf("net-%d.sock", i))
		if strings.Contains(path, ",") {
			return fmt.Errorf("network: %q contains a comma, which vfkit's device options cannot contain", path)
		}
		v.nets = append(v.nets, path)
		moved := &config.VirtioNet{UnixSocketPath: path, MacAddress: card.MacAddress, VfkitMagic: true}
		if err := v.plan.Command.Replace(card, moved); err != nil {
			return err
		}
	}
	return nil
}

// dropOptional drops the devices that the plan calls optional and this host
// cannot have: Rosetta, without which vfkit would not start.
func (v *vfkitVMM) dropOptional() {
	if _, err := os.Stat(v.plan.Rosetta); err == nil {
		return
	}
	for _, d := range v.plan.Command.Devices() {
		if _, ok := d.VirtioDevice.(*config.RosettaShare); !ok || !slices.Contains(v.plan.Optional, d.Text) {
			continue
		}
		v.plan.Command.Remove(d.VirtioDevice)
		v.plan.Say("--device rosetta: dropped, Rosetta is not installed here (softwareupdate --install-rosetta)")
	}
}

// Attach listens where the cards will connect.
func (v *vfkitVMM) Attach(n *network.Network) ([]*os.File, error) {
	for _, path := range v.nets {
		if err := n.Listen(path); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// CheckPlan looks at what vfkit itself would find out only once it has begun.
func (v *vfkitVMM) CheckPlan() error {
	return errors.Join(v.checkCPUs(v.plan.Command.VM), v.checkControl())
}

// checkCPUs reports more virtual CPUs than this host has:
// Virtualization.framework takes no more.
func (v *vfkitVMM) checkCPUs(vm *config.VirtualMachine) error {
	if most := runtime.NumCPU(); vm.Vcpus > uint(most) {
		err := fmt.Errorf("argv: --cpus %d: this host has %d, and vfkit accepts no more", vm.Vcpus, most)
		return fault.Hint(err, "nixvf-args --cpus, or virtualisation.cores, sets it")
	}
	return nil
}

// Check looks at vfkit's version.
func (v *vfkitVMM) Check(ctx context.Context) error {
	accept := CheckVfkitVersion
	if v.plan.Command.VM.Nested {
		accept = checkNestingVersion
	}
	return v.version.check(ctx, v.path, accept)
}

var vfkitVersion = regexp.MustCompile(`version: v?(\d+)\.(\d+)\.(\d+)`)

// readVfkitVersion reads what vfkit prints as its version. A development build,
// whose version is "unknown", has none.
func readVfkitVersion(text string) ([]int, error) {
	match := vfkitVersion.FindStringSubmatch(text)
	if match == nil {
		if strings.Contains(text, "vfkit version: ") {
			return nil, nil
		}
		return nil, fmt.Errorf("did not print a version of vfkit: %q", text)
	}
	var version []int
	for _, digits := range match[1:] {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return nil, err
		}
		version = append(version, n)
	}
	return version, nil
}

// CheckVfkitVersion returns an error for a version that is too old. A development build is
// trusted.
func CheckVfkitVersion(text string) error {
	version, err := readVfkitVersion(text)
	if err == nil && version != nil && slices.Compare(version, oldestVfkit) < 0 {
		err = fmt.Errorf("version %d.%d.%d corrupts disks, 0.5.1 or newer is needed", version[0], version[1], version[2])
	}
	return err
}

// checkNestingVersion returns an error for a version that is too old for a VM in which VMs run.
func checkNestingVersion(text string) error {
	if err := CheckVfkitVersion(text); err != nil {
		return err
	}
	version, err := readVfkitVersion(text)
	if version != nil && slices.Compare(version, nestingVfkit) < 0 {
		err = fault.Hint(errors.New("it does not know --nested, 0.6.2 or newer is needed"), "nixvf-args --no-nested leaves it out")
	}
	return err
}

// Watch returns at once: vfkit goes on through a restart of the guest, of which
// Virtualization.framework tells it nothing.
func (v *vfkitVMM) Watch(<-chan struct{}, func()) {}

// ServeVsock has nothing to do: vfkit makes its sockets itself.
func (v *vfkitVMM) ServeVsock() error { return nil }

// Explain looks for the line in which vfkit says why it ends.
func (v *vfkitVMM) Explain(log string) (why, advice string) {
	why = vfkit.Failure(log)
	return why, vfkit.Advice(cmp.Or(why, log))
}

// pollPaused is how often vfkit is asked whether its VM is paused.
const pollPaused = 5 * time.Second

// WatchDisks asks vfkit for its VM's state: Virtualization.framework does not
// say which disk it is. A VM that somebody has paused has room on its disks.
func (v *vfkitVMM) WatchDisks(ended <-chan struct{}, failed func(DiskError)) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(pollPaused):
		}
		image := Full(v.plan.Images)
		if image == "" {
			continue
		}
		if state, _ := v.state(); state == "VirtualMachineStatePaused" || state == "VirtualMachineStateError" {
			failed(DiskError{Image: image, Write: true, Full: true, Paused: true})
		}
	}
}
