package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/lock"
)

// Logs are the names of what a VM can have a log of: its console, the VMMs and
// their helpers, nixvf-boot in the background, and nixvf's own network.
var Logs = []string{"console", "nixvf-boot", "vfkit", "qemu", "virtiofsd", "network"}

// OpenLog opens one of the VM's logs.
func (v VM) OpenLog(name string) (*os.File, error) {
	if !slices.Contains(Logs, name) {
		return nil, fault.Usage(fmt.Errorf("%q is none of %s", name, strings.Join(Logs, ", ")))
	}
	path := v.place.Log(name)
	switch {
	case name != "console":
	case v.Console != "":
		path = v.Console
	case v.Runs():
		return nil, fmt.Errorf("%s: its console is not logged; it goes to the stdout of process %d", v.ID, v.PID)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no %s log", v.ID, name)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: its %s goes to %s, which is no file", v.ID, name, path)
	}
	return os.Open(path)
}

// Follow copies to w what is in the log and what is added to it, until the VM has
// ended or ctx ends. A log that was emptied is read from its beginning.
func (v VM) Follow(ctx context.Context, w io.Writer, log *os.File) error {
	var failed error
	copied := func() (bool, error) {
		held, err := lock.Look(v.place.Lock()) // before what it prints last is read
		if err != nil {
			return false, err
		}
		if err := rewind(log); err != nil {
			return false, err
		}
		_, failed = io.Copy(w, log)
		if p, ok := w.(*Plain); ok && failed == nil {
			failed = p.Flush()
		}
		return held == nil || failed != nil, nil
	}
	return errors.Join(await(ctx, copied), failed)
}

// rewind goes to the beginning of a file that is shorter than what was read.
func rewind(f *os.File) error {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < at {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err
}

// Plain is a writer that passes on the text of a console: without what a
// terminal would obey, a line at a time.
type Plain struct {
	W    io.Writer
	line []byte // without its end
}

// mostLine is how much of a line is passed on at once, in bytes.
const mostLine = 64 << 10

func (p *Plain) Write(data []byte) (int, error) {
	rest := data
	for len(rest) > 0 {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 || i > mostLine {
			n := min(len(rest), mostLine)
			p.line, rest = append(p.line, rest[:n]...), rest[n:]
			if len(p.line) < mostLine {
				continue
			}
			if err := p.Flush(); err != nil {
				return 0, err
			}
			continue
		}
		line := append(p.line, rest[:i]...)
		p.line, rest = nil, rest[i+1:]
		if _, err := fmt.Fprintln(p.W, console.Plain(line)); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// Flush passes on a line that has no end yet: a prompt has none.
func (p *Plain) Flush() error {
	if len(p.line) == 0 {
		return nil
	}
	_, err := io.WriteString(p.W, console.Plain(p.line))
	p.line = nil
	return err
}
