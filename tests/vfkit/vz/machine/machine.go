// Package machine is what the framework's stand-in and its machine have in
// common: how a machine is described, and the environment variables that say how
// both behave.
//
//	VZ_GUEST           what the guest does: the names in service/guests.go,
//	                   "qemu" for a real one; default: echo
//	VZ_LOG             file that gets what vfkit was started with, and then what
//	                   happens to the machine
//	VZ_FLOODED         file that the guest "flood" makes
//	VZ_ROSETTA         "missing" or "unsupported"; default: there is one
//	VZ_ENTITLED=0      vfkit lacks the entitlement for the framework
//	VZ_MAX_CPUS        default: 8
//	VZ_MAX_MEMORY_GIB  default: 16
//	VZ_START_MS        how long a start takes; default: 20
//	VZ_START_ERROR     why the start fails
//	VZ_CAN_STOP=0      the machine takes no request to stop (canRequestStop)
//	VZ_STOP_ERROR      why a request to stop fails
//	VZ_FORCE_ERROR     why a stop by force fails
//	VZ_STOP_MS         how long the machine takes to end after its guest has
//	VZ_STOPPING=1      it is in the state "stopping" for a moment then
//	VZ_HANDLES_MS      how long it keeps its handles after its end was reported
//	VZ_LINGER_MS       how long it runs on when vfkit has ended; default: 50
//	VZ_VSOCK           the vsock ports at which the guest has a server
//	VZ_AGENT           PORT=PROGRAM: the guest runs it for each connection to that
//	                   vsock port
//	VZ_WAKES           FIFO, each line of which wakes the Mac up
//	VZ_NESTED=1        the host can run VMs in VMs
//	VZ_DISPLAY=0       there is nobody to show a window to
//	VZ_WINDOW_MS       when the window is closed; default: never
package machine

import (
	"os"
	"strconv"
	"time"
)

// Name is the program's name, which lies beside vfkit.
const Name = "machine"

// Setting returns the environment variable VZ_NAME.
func Setting(name string) string { return os.Getenv("VZ_" + name) }

// Number returns VZ_NAME as a number, by default otherwise.
func Number(name string, otherwise int) int {
	n, err := strconv.Atoi(Setting(name))
	if err != nil {
		return otherwise
	}
	return n
}

// Duration returns VZ_NAME, a number of milliseconds.
func Duration(name string, otherwise int) time.Duration {
	return time.Duration(Number(name, otherwise)) * time.Millisecond
}

// Spec describes a machine. Descriptors are the machine's own, 0 for none.
type Spec struct {
	Kernel, Initrd, CmdLine string
	CPUs                    uint
	Memory                  uint64
	Disks                   []Disk
	Shares                  []Share
	Cards                   []Card
	Consoles                []Console
}

// Disk is a disk image.
type Disk struct {
	Path, ID string
	ReadOnly bool
}

// Share is a directory, which is empty for Rosetta.
type Share struct{ Tag, Directory string }

// Card is a network card. Without a socket it has NAT.
type Card struct {
	MAC    string
	Socket int
}

// Console is where a console's input comes from and its output goes.
type Console struct{ In, Out int }

// The descriptors over which a machine gets commands and answers.
const (
	Commands = 3 // a Spec, then one command a line
	Answers  = 4 // one a line
)

// The commands and the answers. An answer that is none of these is an error: its
// code in VZErrorDomain, and its text.
const (
	RequestStop = "request stop"
	Force       = "stop"
	Pause       = "pause"
	Resume      = "resume"

	Running = "running"
	Stopped = "stopped"
)

// Note adds a line to VZ_LOG.
func Note(line string) {
	f, err := os.OpenFile(Setting("LOG"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(line + "\n")
}
