// Package activation owns how a running guest switches to a new configuration:
// which parts of the new system need a restart of the VM, and how the guest
// switches to the rest.
//
// The system is in the host's store, which the guest shares, so nothing is
// copied. A script of this package runs in the guest, registers the system there
// and runs its switch-to-configuration. The caller runs the script in the guest.
package activation

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/roots"
	"github.com/nixvf/nixvf/pkg/ssh"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// Switch is a switch of a VM's guest to another system.
type Switch struct {
	VM     instance.VM // which runs
	System *bootdoc.Document
}

// Read reads the boot document of the system to switch to.
func Read(data []byte) (*bootdoc.Document, []string, error) {
	doc, warnings, err := bootdoc.Parse(data)
	if err == nil && doc.Toplevel == "" {
		err = errors.New("boot document: toplevel: missing: it says which system the guest is to have")
	}
	return doc, warnings, err
}

// Check returns an error about what makes the switch impossible.
func (s Switch) Check() error {
	vm := s.VM
	if s.StoreIsImage() {
		err := fmt.Errorf("%s: its store is an image, which holds its own system alone", vm.ID)
		return fault.Hint(err, "the VM's next start has an image of the new system; --reboot does that")
	}
	if vm.System != "" && s.System.System != "" && vm.System != s.System.System {
		return fmt.Errorf("%s: it is a VM for %s, and the system is for %s", vm.ID, vm.System, s.System.System)
	}
	return roots.Check(s.paths())
}

// StoreIsImage reports whether the VM sees an image of its own system and not the
// host's store.
func (s Switch) StoreIsImage() bool { return storeimage.Kept(s.VM.Place()) }

// paths are the store paths that the system needs.
func (s Switch) paths() []string {
	if len(s.System.Roots) == 0 {
		return []string{s.System.Toplevel}
	}
	return s.System.Roots
}

// Waits returns what the guest has only after its next start, each by name. ok is
// false when it is not known what the VM was started with.
func (s Switch) Waits() (lines []string, ok bool) {
	data, err := os.ReadFile(s.VM.Place().Booted())
	if err != nil {
		return nil, false
	}
	was, _, err := bootdoc.Parse(data)
	if err != nil {
		return nil, false
	}
	return bootdoc.Differences(was, s.System), true
}

// Run has the guest switch, or only say what a switch would do. The system is kept
// from garbage collection from then on, until the VM ends. What is said in the guest
// goes to out. login is the command that runs another one in the guest, as root. The
// exit status is that of the system's switch-to-configuration.
func (s Switch) Run(ctx context.Context, login []string, dry bool, out io.Writer) (status int, err error) {
	l, err := lock.Take(filepath.Join(s.VM.Place().Run(), "switch.lock"))
	var held *lock.HeldError
	switch {
	case errors.As(err, &held):
		return 1, fmt.Errorf("%s: another switch goes on, as %s", s.VM.ID, held.Owner())
	case errors.Is(err, fs.ErrNotExist):
		return 1, fmt.Errorf("%s is not running", s.VM.ID)
	case err != nil:
		return 1, fmt.Errorf("lock: %w", err)
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	action := "dry-activate"
	if !dry {
		action = "test"
		if err := roots.Add(ctx, s.VM.Place(), s.VM.Process, s.paths()); err != nil {
			return 1, err
		}
	}
	return s.inGuest(ctx, login, action, out)
}

// script is what runs in the guest.
//
//go:embed guest.sh
var script string

// begin has the guest's shell, whichever that is, take the script from its stdin.
const begin = `umask 077; mkdir -p /run/nixvf-switch && f=$(mktemp /run/nixvf-switch/script.XXXXXX) && cat >"$f" && exec sh "$f" watch "$@"`

// lost is the exit status of ssh when it has no connection, or not any more (ssh(1)).
const lost = 255

// inGuest runs the script.
func (s Switch) inGuest(ctx context.Context, login []string, action string, out io.Writer) (int, error) {
	words := []string{"sh", "-c", begin, "switch", action, s.System.Toplevel}
	if s.System.RegInfo != "" {
		words = append(words, s.System.RegInfo)
	}
	args := append(login[1:len(login):len(login)], ssh.Words(words)...)
	cmd := exec.Command(login[0], args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), out
	err := child.Run(ctx, "ssh", cmd)
	switch {
	case ctx.Err() != nil:
		return 1, fmt.Errorf("%w: a switch that has begun goes on in the guest", err)
	case cmd.ProcessState == nil: // it was not started
		return 1, err
	}
	status := child.StatusOf(cmd.ProcessState)
	if status == lost {
		return 1, fmt.Errorf("%s: no connection to the guest: a switch that has begun goes on there", s.VM.ID)
	}
	return status, nil
}
