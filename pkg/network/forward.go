package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/containers/gvisor-tap-vsock/pkg/services/forwarder"
	"github.com/inetaf/tcpproxy"
	"github.com/sirupsen/logrus"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"github.com/nixvf/nixvf/pkg/accept"
)

// forwards starts every rule, and reports all that it cannot start.
func (n *Network) forwards() error {
	var errs []error
	for _, r := range n.Rules {
		if err := n.forward(r); err != nil {
			errs = append(errs, fmt.Errorf("forwardPorts: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (n *Network) forward(r Rule) error {
	switch {
	case r.FromGuest:
		return n.forwardFromGuest(r)
	case r.Proto == "udp":
		return n.forwardUDP(r)
	}
	listener, err := net.Listen("tcp", r.Host.String())
	if err != nil {
		return err
	}
	n.proxy(listener, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return n.dial(ctx, "tcp", r.Guest)
	})
	return nil
}

// forwardFromGuest offers a port of the host to the guest.
func (n *Network) forwardFromGuest(r Rule) error {
	at := tcpip.FullAddress{NIC: nic, Addr: address(r.Guest.Addr()), Port: r.Guest.Port()}
	listener, err := n.listen(at)
	if err != nil {
		return err
	}
	n.proxy(listener, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", r.Host.String())
	})
	return nil
}

// guestListener listens in the guest's network. Closed, it says so as one of the
// host's does, and whoever waits for a connection hears of it.
type guestListener struct {
	*gonet.TCPListener
	closed atomic.Bool
}

func (n *Network) listen(at tcpip.FullAddress) (*guestListener, error) {
	l, err := gonet.ListenTCP(n.stack, at, ipv4.ProtocolNumber)
	return &guestListener{TCPListener: l}, err
}

func (l *guestListener) Close() error {
	if l.closed.Swap(true) {
		return net.ErrClosed
	}
	l.Shutdown()
	return l.TCPListener.Close()
}

func (l *guestListener) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if err != nil && l.closed.Load() {
		err = net.ErrClosed
	}
	return conn, err
}

func (n *Network) forwardUDP(r Rule) error {
	listener, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(r.Host))
	if err != nil {
		return err
	}
	proxy, err := forwarder.NewUDPProxy(listener, func() (net.Conn, error) {
		return n.dial(context.Background(), "udp", r.Guest)
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	n.owns(proxy)
	go proxy.Run() // until Close
	return nil
}

// proxy passes each connection that the listener accepts on to one that dial
// makes.
func (n *Network) proxy(listener net.Listener, dial func(context.Context, string, string) (net.Conn, error)) {
	n.owns(listener)
	target := &tcpproxy.DialProxy{DialContext: dial, OnDialError: func(src net.Conn, err error) {
		logrus.Warnf("%v: %v", listener.Addr(), err)
		src.Close()
	}}
	go accept.All(listener.Accept, func(conn net.Conn) { go target.HandleConn(conn) },
		func(err error) { logrus.Errorf("%v: %v", listener.Addr(), err) })
}
