package boot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/fault"
)

// openRegular opens a regular file to read it. Anything else is refused without
// waiting for it, as a FIFO would have us wait for somebody who writes to it.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	var failed *os.PathError
	switch {
	case errors.As(err, &failed) && errors.Is(err, unix.ENXIO): // a socket
		return nil, fmt.Errorf("%s: not a regular file", path)
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// checkUsable returns an error for a file that is not there or not a regular one that
// can be read.
func checkUsable(what, path string) error {
	f, err := openRegular(path)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return f.Close()
}

// filesLeast is how many descriptors a VM's process needs for itself, a handful
// of devices and one forwarded connection.
const filesLeast = 64

// checkFiles returns an error when this process may open too few files.
func checkFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max >= filesLeast {
		return nil
	}
	err := fmt.Errorf("open files: the limit is %d, and at least %d are needed", limit.Max, filesLeast)
	return fault.Hint(err, "ulimit -H -n shows the limit")
}
