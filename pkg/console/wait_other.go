//go:build !linux

package console

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until one of two descriptors can be read, for ever if d is
// negative. It is select, since poll fails for some terminals on macOS
// (poll(2), BUGS).
func readable(fd, wake int, d time.Duration) (ready, woken bool, err error) {
	if max(fd, wake) >= unix.FD_SETSIZE {
		return false, false, os.NewSyscallError("select", unix.EMFILE)
	}
	for {
		var set unix.FdSet
		set.Set(fd)
		set.Set(wake)
		var timeout *unix.Timeval
		if d >= 0 {
			t := unix.NsecToTimeval(d.Nanoseconds())
			timeout = &t
		}
		_, err := unix.Select(max(fd, wake)+1, &set, nil, nil, timeout)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return false, false, os.NewSyscallError("select", err)
		default:
			return set.IsSet(fd), set.IsSet(wake), nil
		}
	}
}
