package sockets

import (
	"fmt"
	"net"
	"path/filepath"
)

// Dial connects to a socket in a directory of [Find], if the process that
// listens there is the user uid's.
func Dial(path string, uid int) (*net.UnixConn, error) {
	if err := Check(filepath.Dir(path), uid); err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	owner := -1
	failed := raw.Control(func(fd uintptr) { owner, err = peer(int(fd)) })
	if failed != nil {
		err = failed
	}
	if err == nil && owner != uid {
		err = fmt.Errorf("%s: another user's process listens there", path)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
