package network

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"github.com/containers/gvisor-tap-vsock/pkg/tap"
	"github.com/sirupsen/logrus"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// LinkMAC is the hardware address of a guest's card on a [Link]. Each link has one
// card alone, so it is the same in all guests, which know the card by it (package
// nixos, ssh.nix).
const LinkMAC = "52:4e:49:58:56:46"

// The ends of a link are link-local (RFC 3927), so that no network that the guest
// knows of has them.
var (
	linkHost  = netip.MustParseAddr("169.254.117.1")
	linkGuest = netip.MustParseAddr("169.254.117.2")
)

// Link is a card of a guest that leads to this process alone: it connects to the
// guest, and answers nothing.
type Link struct{ network Network }

// NewLink starts a link. No guest is on it yet.
func NewLink() (*Link, error) {
	logrus.SetOutput(io.Discard) // New has a log, if there is a network besides
	mac, err := net.ParseMAC(LinkMAC)
	if err != nil {
		return nil, err
	}
	l := &Link{Network{Config: Config{MACs: []net.HardwareAddr{mac}}}}
	if err := l.start(); err != nil {
		l.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	return l, nil
}

func (l *Link) start() (err error) {
	n := &l.network
	if n.endpoint, err = tap.NewLinkEndpoint(false, mtu, gatewayMAC, linkHost.String(), nil); err != nil {
		return err
	}
	n.frames = tap.NewSwitch(false)
	n.endpoint.Connect(n.frames)
	n.frames.Connect(n.endpoint)
	n.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	at := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: address(linkHost), PrefixLen: 30}}
	failed := n.stack.CreateNIC(nic, n.endpoint)
	if failed == nil {
		failed = n.stack.AddProtocolAddress(nic, at, stack.AddressProperties{})
	}
	if failed != nil {
		return fmt.Errorf("%s", failed)
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: at.AddressWithPrefix.Subnet(), NIC: nic}})
	return nil
}

// Attach returns the file on which a VMM takes the card's frames, as
// [Network.Pair] does.
func (l *Link) Attach() (*os.File, error) { return l.network.Pair() }

// Dial connects to a port of the guest.
func (l *Link) Dial(ctx context.Context, port uint16) (*gonet.TCPConn, error) {
	return gonet.DialContextTCP(ctx, l.network.stack, tcpip.FullAddress{NIC: nic, Addr: address(linkGuest), Port: port}, ipv4.ProtocolNumber)
}

// Close ends the link and every connection through it.
func (l *Link) Close() error { return l.network.Close() }
