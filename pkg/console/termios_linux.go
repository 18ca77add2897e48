package console

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's modes (tty_ioctl(4)).
const getModes, setModes = unix.TCGETS, unix.TCSETS

// getUnread asks how much waits to be read from a terminal, in bytes.
const getUnread = unix.TIOCINQ

// flushInput drops what waits to be read from a terminal.
func flushInput(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
