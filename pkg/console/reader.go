package console

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Unread calls gone when file is a pipe that nobody reads any more, which a
// quiet guest would not find out by writing. It returns at once when file is
// no pipe, and else only then.
func Unread(file *os.File, gone func()) {
	info, err := file.Stat()
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return
	}
	// Without events to wait for, only an error or a hang-up ends the wait
	// (poll(2): POLLERR is set for a pipe's write end without a reader).
	fds := []unix.PollFd{{Fd: int32(file.Fd())}}
	for {
		n, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		if err == nil && n > 0 {
			gone()
		}
		return
	}
}
