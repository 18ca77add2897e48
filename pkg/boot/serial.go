package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
)

// ownConsole is what the VMM is told of the console that is on a terminal of
// ours.
const ownConsole = "virtio-serial,stdio"

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
		if m.VMM == VFKit && d != m.console && holdsText(d.LogFile) {
			return fmt.Errorf("console log %s holds something, and vfkit would empty it: only one console is appended to", d.LogFile)
		}
	}
	if m.console != nil {
		*m.console = config.VirtioSerial{UsesStdio: true}
	}
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
