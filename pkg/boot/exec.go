package boot

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/nixvf/nixvf/pkg/leash"
	"github.com/nixvf/nixvf/pkg/roots"
)

// nothingToUndo reports whether the VM needs nobody beside it: its consoles
// need no terminal and no input, and their logs hold nothing that vfkit would
// empty; its network is the VMM's own and it has no vsock ports, nobody asked
// for its address, and nothing of it is temporary.
func (m *machine) nothingToUndo() bool {
	for _, d := range m.doc.Directories {
		if d.Temporary {
			return false
		}
	}
	for _, d := range m.doc.Disks {
		if d.Temporary {
			return false
		}
	}
	return len(m.cards) == 0 && len(m.vsockPorts()) == 0 && !m.Address && m.InputFile == "" &&
		!usesStdio(m.vm) && !m.usesPty() && !slices.ContainsFunc(m.logs(), holdsText)
}

// exec replaces this process by the VMM, which inherits the locks, and the roots
// with the process id. It returns only with an error.
func (m *machine) exec(l *locks, kept *roots.Roots, made *made) error {
	if logs := m.logs(); slices.ContainsFunc(logs, holdsText) { // another VM may have it too
		return fmt.Errorf("console: somebody has written to %s since it was found empty", strings.Join(logs, " or "))
	}
	if err := kept.Wait(); err != nil {
		m.Warn("%s", unkept(err))
	}
	if err := l.inherit(); err != nil {
		return err
	}
	if m.Detach {
		if err := m.execDetached(); err != nil {
			return err
		}
	} else if err := made.undo(); err != nil {
		return err
	}
	argv := m.vmm.command()
	return &os.PathError{Op: "exec", Path: argv[0], Err: syscall.Exec(argv[0], argv, os.Environ())}
}

// execDetached leaves the terminal and tells the front what to look at: it sees
// to the start, and takes away what nobody needs from then on.
func (m *machine) execDetached() error {
	log, err := os.OpenFile(m.place.Log(m.vmm.name()), os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := leash.Redirect(log); err != nil {
		return err
	}
	m.Leash.Report(leash.Report{State: leash.Exec, VM: m.describe(m.wanted.LogFile)})
	return nil
}
