// Package identity tells processes apart. A process id is used again sooner or
// later; a process id together with the start time of its process is not. A
// process keeps its identity when it executes another program.
//
// It imports nothing of nixvf.
package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Process is the identity of a process on this machine.
type Process struct {
	PID int
	// Start says when the process started, in units of the system's own: without
	// blanks and slashes, and never the same after a reboot.
	Start string
}

// Of returns the identity of the process that has the id now. When there is
// none, or only one that has ended and waits for its parent, the error is
// [fs.ErrNotExist].
func Of(pid int) (Process, error) {
	start, err := started(pid)
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return Process{pid, start}, nil
}

// Alive reports whether the process still runs. One that cannot be looked at
// counts as alive.
func (p Process) Alive() bool {
	now, err := Of(p.PID)
	return err == nil && now == p || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// String returns the identity as one word, fit for a file name: what [Parse]
// reads.
func (p Process) String() string { return fmt.Sprintf("%d-%s", p.PID, p.Start) }

// Parse reads what [Process.String] returns.
func Parse(word string) (Process, error) {
	digits, start, _ := strings.Cut(word, "-")
	pid, err := strconv.Atoi(digits)
	if err != nil || pid <= 0 || start == "" {
		return Process{}, fmt.Errorf("%q is not the identity of a process", word)
	}
	return Process{pid, start}, nil
}
