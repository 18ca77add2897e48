// Package pipe tells a process that writes nothing when its pipe has lost its
// reader. It imports nothing of nixvf.
package pipe

import (
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// look is how often a pipe is looked at where its end does not end the wait.
const look = 200 * time.Millisecond

// AwaitUnread waits until nobody reads the pipe any more, and reports that. It
// returns false when file is no pipe, and when done is closed before that.
//
// Linux reports a lost reader whatever events poll(2) waits for (POLLERR). macOS
// reports it only for POLLHUP and for writing, and writing is nearly always
// possible (xnu, bsd/kern/sys_generic.c).
func AwaitUnread(file *os.File, done <-chan struct{}) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return false
	}
	for !unread(file, unix.POLLHUP, look) && !unread(file, unix.POLLOUT, 0) {
		select {
		case <-done:
			return false
		default:
		}
		if _, err := file.Stat(); err != nil { // it has been closed
			return false
		}
	}
	return true
}

// unread waits for an event, and reports whether the pipe's last reader is gone.
func unread(pipe *os.File, event int16, patience time.Duration) bool {
	poll := []unix.PollFd{{Fd: int32(pipe.Fd()), Events: event}}
	_, err := unix.Poll(poll, int(patience.Milliseconds()))
	return err == nil && poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
