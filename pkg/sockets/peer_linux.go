package sockets

import "golang.org/x/sys/unix"

// peer returns the user whose process listens at the other end (unix(7)).
func peer(fd int) (uid int, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
