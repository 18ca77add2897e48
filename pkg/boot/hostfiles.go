package boot

import (
	"fmt"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

const (
	// hostFilesParam is how the kernel's command line tells the guest how many
	// files of shares it may make the host hold open (nixos/host-files.sh).
	hostFilesParam = "nixvf.host-files="
	// otherFiles are what a process that serves shares opens beside their files.
	otherFiles = 64
	// leastFiles is the least that a process must be able to hold for the guest's
	// bound to be of use: a walk finds as many before the guest has looked twice.
	leastFiles = 4096
)

// hostFiles returns how many files of shares the guest may remember: half of
// what the host can hold. The other half is for what a walk finds before the
// guest has noticed.
func hostFiles(most uint64) uint64 {
	return max(most, 2*otherFiles)/2 - otherFiles/2
}

// boundHostFiles tells the guest of a VM with shares what this host can hold.
func (m *machine) boundHostFiles() error {
	if len(config.FilterDevices[*config.VirtioFs](m.vm)) == 0 {
		return nil
	}
	most, err := child.MostOpenFiles()
	if err != nil {
		return fmt.Errorf("open files: %w", err)
	}
	if most < leastFiles {
		m.Warn("open files: this host allows a process %d, and reading the whole store in the guest may need more: allow %d or more (ulimit -Hn)",
			most, leastFiles)
	}
	m.doc.Argv = tellHostFiles(m.doc.Argv, hostFiles(most))
	return m.parse()
}

// tellHostFiles tells the guest its bound, unless the document has one, or the
// kernel's command line gets too long with it.
func tellHostFiles(argv []string, files uint64) []string {
	param := fmt.Sprintf("%s%d ", hostFilesParam, files)
	return onCmdline(argv, func(line string) string {
		if strings.Contains(line, hostFilesParam) || len(param)+len(line) > vfkit.MaxCmdline {
			return line
		}
		return param + line
	})
}
