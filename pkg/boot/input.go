package boot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/fault"
)

// isStdin reports whether a file is this process's stdin, whatever its name.
func isStdin(info fs.FileInfo) bool {
	stdin, err := os.Stdin.Stat()
	return err == nil && os.SameFile(info, stdin)
}

// checkInput returns an error for an input file that cannot be read.
func (m *machine) checkInput() error {
	switch info, err := os.Stat(m.InputFile); {
	case m.InputFile == "":
		return nil
	case m.InputFile == "-", err == nil && isStdin(info):
		return fault.Hint(errors.New("--input: stdin is the document already"), "use a FIFO to type into it from elsewhere (mkfifo)")
	case err != nil:
		return fmt.Errorf("--input: %w", err)
	case info.IsDir():
		return fmt.Errorf("--input: %s: is a directory", m.InputFile)
	}
	if err := access(m.InputFile, unix.R_OK); err != nil {
		return fmt.Errorf("--input: %w", err)
	}
	return nil
}

// feed copies the input file to the console. Its end is no more than that; a
// FIFO is read again for the next one who writes to it.
func (c *guestConsole) feed() {
	for again := true; again; {
		var err error
		again, err = c.feedOnce()
		if err != nil && !errors.Is(err, os.ErrClosed) { // the console is closed when the VM has ended
			c.tell("warning: --input: %v", err)
			return
		}
	}
}

// feedOnce copies the input file to its end, and reports whether there can be
// more. To open a FIFO waits for somebody who writes to it, and a terminal must
// not become this process's own.
func (c *guestConsole) feedOnce() (again bool, err error) {
	f, err := os.OpenFile(c.m.InputFile, os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		_, err = io.Copy(c.pty, f)
	}
	return err == nil && info.Mode().Type() == fs.ModeNamedPipe, err
}
