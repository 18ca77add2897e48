package boot

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// endOf is the error of a process that ended with a status of its own, or by a
// signal of somebody else. It quotes what the process said last.
func endOf(name string, status int, log string) error {
	if status > 128 {
		return fmt.Errorf("%s was ended by a signal: %v", name, syscall.Signal(status-128))
	}
	words := lastWords(name, log)
	err := fault.Hint(fmt.Errorf("%s ended with status %d%s", name, status, words), "its whole log is %s", log)
	if advice := vfkit.Advice(words); name == VFKit && advice != "" {
		err = fault.Hint(err, "%s", advice)
	}
	return err
}

// lastWords returns what a program's log ends with, for a message.
func lastWords(name, path string) string {
	const most = 400
	data, err := os.ReadFile(path)
	text := strings.TrimSpace(string(data))
	if err != nil || text == "" {
		return ""
	}
	if said := vfkit.Failure(text); name == VFKit && said != "" {
		return ": " + said[:min(len(said), 2*most)]
	}
	return ": " + text[max(0, len(text)-most):]
}
