// Package instance knows the VMs that have a state directory on this host. It
// lists them, tells the state of each, and finds the one that a user names. It
// asks a VM to stop, waits for its end and reads its logs.
//
// There is no daemon to ask: locks and files hold everything. A lock that a
// process holds means that the VM runs; its [Record] holds the rest.
package instance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

// State is what a VM is doing.
type State string

// States of a VM.
const (
	Starting   State = "starting"   // nixvf-boot makes what the VM needs
	Running    State = "running"    // with a nixvf-boot in front of it
	Background State = "background" // running as well
	Orphaned   State = "orphaned"   // its VMM runs, but no nixvf-boot beside it
	Stopped    State = "stopped"
	Unknown    State = "unknown" // this user may not look
)

// VM is a VM with a state directory.
type VM struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	PID   int    `json:"pid,omitempty"` // of the nixvf-boot that runs it; TERM to it shuts the guest down
	Record
	DiskSize      int64 `json:"diskSize,omitempty"`      // bytes
	DiskAllocated int64 `json:"diskAllocated,omitempty"` // bytes that the image takes on the host

	place place.VM
}

// Place returns the VM's directories.
func (v VM) Place() place.VM { return v.place }

// Runs reports whether the VM, or what is left of it, runs.
func (v VM) Runs() bool { return v.State != Stopped && v.State != Unknown }

// ErrNone is the error about a VM that is not there.
var ErrNone = errors.New("there is no such VM")

// Contents says what the VM's state directory holds.
func (v VM) Contents() string {
	disk := ""
	if filepath.Dir(v.Disk) == v.place.Dir && v.DiskSize > 0 {
		disk = ", with its disk: " + v.disk()
	}
	return v.place.Dir + disk
}

// List returns all VMs, by id.
func List(h place.Host) ([]VM, error) {
	ids, err := ids(h)
	if err != nil {
		return nil, err
	}
	vms := []VM{}
	for _, id := range ids {
		vm, err := look(h, id)
		if err != nil {
			return nil, err
		}
		vms = append(vms, vm)
	}
	return vms, nil
}

// ids returns the ids of the VMs that have a directory.
func ids(h place.Host) ([]string, error) {
	state, err := h.State()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(state)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(state, e.Name())) // it may be a link to another disk
		if err == nil && info.IsDir() && bootdoc.CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// look returns what is known of the VM with an id.
func look(h place.Host, id string) (VM, error) {
	at, err := h.VM(id, "", "")
	if err != nil {
		return VM{}, err
	}
	v := VM{ID: id, Record: read(at), place: at}
	if v.ForwardPorts == nil {
		v.ForwardPorts = []bootdoc.ForwardPort{}
	}
	held, err := lock.Look(at.Lock())
	switch {
	case errors.Is(err, fs.ErrPermission):
		v.State = Unknown
	case err != nil:
		return VM{}, err
	case held == nil:
		v.State = Stopped
	case held.Gone || held.PID == 0:
		v.State = Orphaned
	default:
		v.runs(held)
	}
	if info, err := os.Stat(v.Disk); err == nil {
		v.DiskSize = info.Size()
		v.DiskAllocated = info.Sys().(*syscall.Stat_t).Blocks * 512 // stat(2)
	}
	return v, nil
}

// runs says what a VM does whose lock a nixvf-boot has. A record of an earlier one
// tells what the VM was, and nothing of what it does.
func (v *VM) runs(held *lock.HeldError) {
	v.PID = held.PID
	if v.Process != held.Process {
		v.Process, v.Started, v.Ended, v.Console, v.Background = held.Process, time.Time{}, nil, "", false
	}
	switch {
	case v.Started.IsZero():
		v.State = Starting
	case v.Background:
		v.State = Background
	default:
		v.State = Running
	}
}

// Exactly returns the VM with an id.
func Exactly(h place.Host, id string) (VM, error) {
	all, err := ids(h)
	if err != nil {
		return VM{}, err
	}
	if !slices.Contains(all, id) {
		return VM{}, fault.Hint(fmt.Errorf("%s: %w", id, ErrNone), "nixvf-boot list shows which there are, by their full ids")
	}
	return look(h, id)
}

// Find returns the VM that a user means: by its id, else by an unambiguous
// beginning of it or by the name of its configuration.
func Find(h place.Host, word string) (VM, error) {
	all, err := ids(h)
	if err != nil {
		return VM{}, err
	}
	if slices.Contains(all, word) {
		return look(h, word)
	}
	var found []string
	for _, id := range all {
		at, err := h.VM(id, "", "")
		if err != nil {
			return VM{}, err
		}
		if strings.HasPrefix(id, word) || read(at).Name == word {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return VM{}, fault.Hint(fmt.Errorf("%s: %w", word, ErrNone), "nixvf-boot list shows which there are")
	case 1:
		return look(h, found[0])
	}
	return VM{}, fmt.Errorf("%s: it matches %s", word, strings.Join(found, ", "))
}
