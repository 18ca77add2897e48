package boot

import (
	"os"
	"syscall"

	"github.com/nixvf/nixvf/pkg/roots"
)

// nothingToUndo reports whether the VM needs nobody beside it: its console
// needs no terminal, its network is the VMM's own, nobody asked for its address,
// and nothing of it is temporary.
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
	return len(m.cards) == 0 && !m.Address && !m.usesStdio() && !m.usesPty()
}

// exec replaces this process by the VMM, which inherits the locks, and the roots
// with the process id. It returns only with an error.
func (m *machine) exec(l *locks, kept *roots.Roots) error {
	if err := kept.Wait(); err != nil {
		m.Warn("%s", unkept(err))
	}
	if err := l.inherit(); err != nil {
		return err
	}
	argv := m.vmm.command()
	return &os.PathError{Op: "exec", Path: argv[0], Err: syscall.Exec(argv[0], argv, os.Environ())}
}
