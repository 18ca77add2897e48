package console

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's modes (tty_ioctl(4)).
const getModes, setModes = unix.TCGETS, unix.TCSETS
