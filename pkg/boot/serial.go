package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
)

// planConsole finds the console that this process takes care of: the one on
// stdio, or else the first. It is put on a terminal of ours, whatever the
// document wants of it; others are left to the VMM.
func (m *machine) planConsole() error {
	serials := config.FilterDevices[*config.VirtioSerial](m.vm)
	i := max(0, slices.IndexFunc(serials, func(d *config.VirtioSerial) bool { return d.UsesStdio }))
	if len(serials) > 0 {
		m.console, m.wanted = serials[i], *serials[i]
	}
	if m.console == nil && m.InputFile != "" {
		return errors.New("--input: the VM has no console")
	}
	for _, d := range serials {
		if !m.kind.AppendsLogs && d != m.console && holdsText(d.LogFile) {
			return fmt.Errorf("console log %s is not empty, and %s would truncate it: only one console can append to its log", d.LogFile, m.kind.Name)
		}
	}
	if m.console == nil {
		return nil
	}
	own := &config.VirtioSerial{UsesStdio: true}
	if err := m.command.Replace(m.console, own); err != nil {
		return err
	}
	m.console = own
	return nil
}

// holdsText reports whether a console's log is there already, and not empty.
func holdsText(log string) bool {
	info, err := os.Stat(log)
	if log == "" || errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || info.Size() > 0
}

// logs returns the files that the VM's consoles are written to.
func (m *machine) logs() []string {
	logs := []string{m.wanted.LogFile}
	for _, d := range config.FilterDevices[*config.VirtioSerial](m.vm) {
		if d != m.console {
			logs = append(logs, d.LogFile)
		}
	}
	return slices.DeleteFunc(logs, func(path string) bool { return path == "" })
}
