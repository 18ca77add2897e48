package identity

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of macOS's <sys/proc.h>.
const zombie = 5

// started returns the process's start time in microseconds since 1970, by
// sysctl kern.proc.pid. For a process that is not there the kernel succeeds and
// answers nothing, which x/sys reports as EIO.
func started(pid int) (string, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ESRCH) {
		return "", fs.ErrNotExist
	}
	if err != nil {
		return "", err
	}
	if info.Proc.P_stat == zombie {
		return "", fs.ErrNotExist
	}
	t := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec), nil
}
