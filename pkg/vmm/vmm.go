// Package vmm owns the virtual machine monitors (VMMs) that can run a VM: how they
// differ, how each gets a command line of vfkit's, and how to control each while
// the VM runs.
//
// To add one, write a file with a type that implements VMM, and add a line to
// kinds. The package starts no VM: its caller starts what Command and Helpers
// return.
package vmm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// VMM is a virtual machine monitor with a VM's command line for it.
type VMM interface {
	// Command returns argv; its first word is the program's path.
	Command() []string
	// Helpers returns the processes that the VMM needs beside it.
	Helpers() []Helper
	// Check returns an error for a program that is not fit to run, as an old one.
	Check(context.Context) error
	// CheckPlan returns an error for what of the plan the VMM cannot do on this
	// host, or should not.
	CheckPlan() error
	// ClearSockets removes what a VMM that was killed has left outside the VM's
	// own directories. No VMM may run.
	ClearSockets()
	// Attach puts the VM's cards on a network of nixvf-boot's. The files are for the
	// VMM to inherit, and the caller's to close.
	Attach(*network.Network) ([]*os.File, error)
	// ServeVsock makes the sockets for the guest's vsock ports, unless the VMM
	// does.
	ServeVsock() error
	// Stop asks the guest to shut down. The error is a Refusal when the VMM
	// answers that it does not.
	Stop() error
	// Halt ends the VM at once, whatever the guest does. An error means that the
	// VMM must be killed for that.
	Halt() error
	// Running reports whether the VM runs, an error if that cannot be known yet.
	Running() (bool, error)
	// WatchDisks calls failed each time an image cannot be read or written, until
	// the VMM has ended.
	WatchDisks(ended <-chan struct{}, failed func(DiskError))
	// Resume lets a guest go on that is paused, for whatever reason.
	Resume() error
	// Sockets returns the paths of the VMM's own sockets, by purpose.
	Sockets() map[string]string
	// Terminals returns the pseudo-terminals that the VMM made for consoles.
	Terminals() ([]string, error)
	// Watch calls restarted each time the guest starts anew, until the VMM has
	// ended. It returns at once where the VMM tells nobody.
	Watch(ended <-chan struct{}, restarted func())
	// Explain finds in the VMM's log why it has failed, and what can be done about
	// it; both are "" if that cannot be known.
	Explain(log string) (why, advice string)
}

// Helper is a process that serves the VMM on a listening socket, which it
// inherits as descriptor 3.
type Helper struct {
	Name   string
	Socket string
	Dir    string // the directory that it shall serve
	Argv   []string
}

// DiskError says that an image could not be read or written.
type DiskError = qemu.DiskError

// Refusal is what a VMM answers to a request that it does not grant, in its own
// words.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Traits are what VMMs differ in.
type Traits struct {
	ReadOnlyShares bool // the guest can be kept from writing to a share
	AppendsLogs    bool // a console's log grows; else each start empties it
	NAT            bool // it has a network of its own that is safe for the host
	TellsPanic     bool // it ends, or tells, when the guest's kernel panics
	Vsock          bool // it has vsock on every host; else the host's kernel must have it
	TellsTime      bool // it tells the guest the time when the host has woken up
	RequestLog     bool // lines about control requests are among its output
}

// Kind is a program that can run VMs.
type Kind struct {
	Name   string // as --vmm has it, and of its log file
	System string // the GOOS on which it is chosen by itself, "" on any other
	Traits
	make func(context.Context, Plan) (VMM, error)
}

// New returns the VMM for a plan.
func (k Kind) New(ctx context.Context, p Plan) (VMM, error) { return k.make(ctx, p) }

// Auto is the name that leaves the choice to Choose.
const Auto = "auto"

// kinds are all VMMs that nixvf knows.
func kinds() []Kind { return []Kind{vfkitKind, qemuKind} }

// Names returns what --vmm can be.
func Names() []string {
	names := []string{Auto}
	for _, k := range kinds() {
		names = append(names, k.Name)
	}
	return names
}

// Choose returns the VMM of a name. For Auto it is the one whose program's path
// is given, else the one of this system.
func Choose(name string, p Programs) (Kind, error) {
	all := kinds()
	is := func(f func(Kind) bool) int { return slices.IndexFunc(all, f) }
	i := is(func(k Kind) bool { return k.Name == name })
	if name == Auto {
		i = is(func(k Kind) bool { return p[k.Name] != "" })
	}
	if name == Auto && i < 0 {
		i = is(func(k Kind) bool { return k.System == runtime.GOOS || k.System == "" })
	}
	if i < 0 {
		return Kind{}, fmt.Errorf("--vmm: %q is not one of %s", name, strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// Programs are the paths of programs that the user gives, by the program's name.
// One that is missing, or "", is looked for in PATH.
type Programs map[string]string

// find returns the path of a program: the given one, or the first of several
// names that is in PATH.
func (p Programs) find(program string, names ...string) (string, error) {
	if given := p[program]; given != "" {
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

// Plan is what a VMM is to run, and what it may know of the host.
type Plan struct {
	// Command is the VM. New changes it to what the VMM needs. The paths in it are
	// absolute.
	Command  *vfkit.Command
	ID       string
	System   string               // the guest's platform, as in "x86_64-linux"
	Dir      string               // the VM's state, which may be about to be made
	Sockets  string               // the directory for sockets, likewise
	Optional []string             // --device values that may be dropped
	Cards    []*config.VirtioNet  // those that are put on a network of nixvf-boot's
	CardFD   int                  // the descriptor on which a VMM may inherit the first one
	Console  *config.VirtioSerial // the one that is on the VMM's stdin and stdout, or nil
	Shares   []Share              // the command's, in their order
	Images   []string             // the disk images that the guest writes to
	Programs Programs
	Rosetta  string // the file that is there where Rosetta is
	Cache    string // the directory in which versions are remembered, "" for none
	UID      int
	Display  bool // a window can be opened
	Verbose  bool
	Say      func(format string, args ...any)
	Warn     func(format string, args ...any)
}

// Share says what a shared directory is to the host.
type Share struct {
	ReadOnly bool // the guest must not write to it
	Store    bool // it is the Nix store, or in it
}

// platforms names Go's architectures as Nix does.
var platforms = map[string]string{"amd64": "x86_64-linux", "arm64": "aarch64-linux"}

// Guest returns the platform of guests that run on a CPU, in Go's word for it, at
// full speed; "" if none does.
func Guest(cpu string) string { return platforms[cpu] }

// HostSystem is the platform of guests that this host's CPU can run itself.
func HostSystem() string { return Guest(runtime.GOARCH) }
