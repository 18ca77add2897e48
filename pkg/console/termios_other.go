//go:build !linux

package console

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's modes (tty(4) of the BSDs).
const getModes, setModes = unix.TIOCGETA, unix.TIOCSETA
