package boot

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/nixvf/nixvf/pkg/fault"
)

// explanation finds in a program's log why it has failed, and what can be done
// about it.
type explanation func(log string) (why, advice string)

// nothingKnown is that of programs whose log speaks for itself.
func nothingKnown(string) (why, advice string) { return "", "" }

// endOf is the error of a process that ended with a status of its own, or by a
// signal of somebody else. It quotes what the process said last.
func endOf(name string, status int, log string, explain explanation) error {
	if status > 128 {
		return fmt.Errorf("%s was ended by a signal: %v", name, syscall.Signal(status-128))
	}
	words, advice := lastWords(log, explain)
	err := fault.Hint(fmt.Errorf("%s ended with status %d%s", name, status, words), "its whole log is %s", log)
	if advice != "" {
		err = fault.Hint(err, "%s", advice)
	}
	return err
}

// lastWords returns what a program's log ends with, for a message, and what can
// be done about it.
func lastWords(path string, explain explanation) (words, advice string) {
	const most = 400
	data, err := os.ReadFile(path)
	text := strings.TrimSpace(string(data))
	if err != nil || text == "" {
		return "", ""
	}
	why, advice := explain(text)
	if why != "" {
		return ": " + why[:min(len(why), 2*most)], advice
	}
	return ": " + text[max(0, len(text)-most):], advice
}
