package sockets

import "golang.org/x/sys/unix"

// peer returns the user whose process listens at the other end (unix(4)).
func peer(fd int) (uid int, err error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
