package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/containers/gvisor-tap-vsock/pkg/transport"
	"github.com/containers/gvisor-tap-vsock/pkg/types"
)

// Pair returns a socket for a VMM that takes a card's frames on a descriptor,
// a frame a datagram. It is the caller's to close once the VMM has it.
func (n *Network) Pair() (*os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("network: %w", os.NewSyscallError("socketpair", err))
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "network"), os.NewFile(uintptr(fds[1]), "network card")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	n.serve(conn)
	return theirs, nil
}

// Listen makes a datagram socket at path for a card of vfkit, which connects
// to it when it starts.
func (n *Network) Listen(path string) error {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	n.owns(conn)
	go func() {
		if card, err := transport.AcceptVfkit(conn); err == nil {
			n.serve(card)
		}
	}()
	return nil
}

// serve passes frames on until the VMM or the network is closed.
func (n *Network) serve(conn net.Conn) {
	n.owns(conn)
	go n.frames.Accept(context.Background(), newCard(conn, n.MACs), types.VfkitProtocol) // logs its error
}
