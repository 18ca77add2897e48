package console

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until one of two descriptors can be read, for ever if d is
// negative. It is poll, which knows no highest descriptor.
func readable(fd, wake int, d time.Duration) (ready, woken bool, err error) {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		milliseconds := -1
		if d >= 0 {
			milliseconds = int((d + time.Millisecond - 1) / time.Millisecond)
		}
		_, err := unix.Poll(poll, milliseconds)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return false, false, os.NewSyscallError("poll", err)
		default:
			return poll[0].Revents != 0, poll[1].Revents != 0, nil
		}
	}
}
