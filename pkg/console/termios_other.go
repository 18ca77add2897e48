//go:build !linux

package console

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's modes (tty(4) of the BSDs).
const getModes, setModes = unix.TIOCGETA, unix.TIOCSETA

// getUnread asks how much waits to be read from a terminal, in bytes: FIONREAD
// of <sys/filio.h>.
const getUnread = 0x4004667f

// flushInput drops what waits to be read from a terminal. 1 is FREAD of
// <sys/fcntl.h>: what comes in.
func flushInput(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, 1) }
