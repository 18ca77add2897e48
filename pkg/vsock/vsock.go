// Package vsock connects Unix sockets on Linux to vsock ports of a guest, as vfkit
// does by itself. Programs need not know the guest's vsock number.
package vsock

import (
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"os"

	"github.com/mdlayher/vsock"

	"github.com/nixvf/nixvf/pkg/accept"
)

// Device is what the host's kernel has for VMMs, in its module vhost_vsock.
const Device = "/dev/vhost-vsock"

// CID returns the context identifier of the VM with the given id, always the
// same: the number by which the host knows the guest. 0 to 2 are not for guests
// (vsock(7)), and some programs take it for signed.
func CID(id string) uint32 {
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return 3 + sum.Sum32()%(1<<31-3)
}

// Dial connects to a port of the guest with the given context identifier.
func Dial(cid, port uint32) (Conn, error) { return vsock.Dial(cid, port, nil) }

// Conn is a stream whose directions end one by one.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// Serve listens on a Unix socket at path, which only this user can connect to,
// and joins each connection with one that dial makes. It goes on until the
// returned listener is closed.
func Serve(path string, dial func() (Conn, error)) (io.Closer, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("vsock: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("vsock: %w", err)
	}
	go accept.All(listener.AcceptUnix, func(conn *net.UnixConn) {
		go func() {
			defer conn.Close()
			// A guest that does not listen yet: the caller sees the end.
			if guest, err := dial(); err == nil {
				join(conn, guest)
			}
		}()
	}, nil)
	return listener, nil
}

// join passes bytes on in both directions until both have ended.
func join(a, b Conn) {
	defer b.Close()
	done := make(chan struct{})
	go func() {
		pass(b, a)
		close(done)
	}()
	pass(a, b)
	<-done
}

// pass copies to the end of from, and ends to's stream like it. An error of one
// side ends both directions.
func pass(to, from Conn) {
	if _, err := io.Copy(to, from); err != nil {
		from.Close()
	}
	_ = to.CloseWrite()
}
