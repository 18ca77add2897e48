package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
)

const (
	// connectTime is how long a guest may take to answer, as one does that boots.
	connectTime = 2 * time.Minute
	tryAgain    = 200 * time.Millisecond
)

// Connect joins in and out with the sshd of a VM that runs, whose nixvf-boot is the
// user uid's. It waits for a guest that does not answer yet, as long as runs says
// that the VM runs, and returns when the guest has ended the connection.
func Connect(ctx context.Context, vm place.VM, uid int, in io.Reader, out io.Writer, runs func() bool) error {
	trying, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	for {
		conn, first, err := open(trying, vm, uid)
		switch {
		case err == nil:
			return join(ctx, conn, first, in, out)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !runs():
			return fmt.Errorf("%s is not running", vm.ID)
		case trying.Err() != nil:
			return fmt.Errorf("%s: its sshd does not answer: %w", vm.ID, err)
		}
		select {
		case <-trying.Done():
		case <-time.After(tryAgain):
		}
	}
}

// open connects, and returns the first bytes of sshd, which speaks before it is
// spoken to (RFC 4253, 4.2).
func open(ctx context.Context, vm place.VM, uid int) (*net.UnixConn, []byte, error) {
	dir, err := sockets.Find(vm, uid)
	if err != nil {
		return nil, nil, err
	}
	conn, err := sockets.Dial(filepath.Join(dir, Socket), uid)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	first := make([]byte, 256)
	n, err := conn.Read(first)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, first[:n], nil
}

// join passes bytes on until the guest ends the connection, nobody takes them any
// more, or ctx ends: OpenSSH ends its ProxyCommand by HUP.
func join(ctx context.Context, conn *net.UnixConn, first []byte, in io.Reader, out io.Writer) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	go func() {
		if _, err := io.Copy(conn, in); err != nil && !errors.Is(err, net.ErrClosed) {
			conn.Close()
		}
		_ = conn.CloseWrite()
	}()
	if _, err := out.Write(first); err != nil {
		return err
	}
	_, err := io.Copy(out, conn)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
