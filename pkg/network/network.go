// Package network is the network between guest and host that nixvf-boot runs
// itself, where the VMM's own NAT is not enough. Ports of the host lead to the
// guest, and a restricted guest can use forwarded ports only.
//
// It owns a TCP/IP stack in user space (gvisor, through gvisor-tap-vsock), which
// is the guest's gateway, and the sockets through which a VMM passes frames to
// it. It starts no process. Of a VMM it knows only the kind of socket.
package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/containers/gvisor-tap-vsock/pkg/services/dhcp"
	"github.com/containers/gvisor-tap-vsock/pkg/services/dns"
	"github.com/containers/gvisor-tap-vsock/pkg/tap"
	"github.com/containers/gvisor-tap-vsock/pkg/types"
	"github.com/sirupsen/logrus"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	// mtu is what every card takes, whether or not its driver hears DHCP's word.
	mtu        = 1500
	gatewayMAC = "52:55:0a:00:02:02"
	nic        = tcpip.NICID(1)
	dnsPort    = 53
)

// Config says what a network is to do.
type Config struct {
	MACs         []net.HardwareAddr // of the guest's cards; ports are forwarded to the first
	Rules        []Rule
	Restrict     bool      // the guest reaches nothing but the ends of rules
	HostLoopback bool      // at the gateway the guest reaches what listens on the host's loopback interface
	Log          io.Writer // what goes wrong while the VM runs
}

// Network is a network that runs.
type Network struct {
	Config
	stack    *stack.Stack
	endpoint *tap.LinkEndpoint
	frames   *tap.Switch
	closers  []io.Closer
	mu       sync.Mutex // for closers
}

// New starts a network. No guest is on it yet: see [Network.Pair] and
// [Network.Listen]. The error names every port that cannot be forwarded.
//
// The libraries below log through one logger for the whole process, which
// writes to c.Log from now on.
func New(c Config) (*Network, error) {
	logrus.SetOutput(&bounded{to: c.Log, left: logMost})
	n := &Network{Config: c}
	err := n.start()
	if err == nil {
		err = n.forwards()
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close ends the network and every connection through it.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	// The newest first: without its card nothing waits for a guest any more.
	for _, c := range slices.Backward(n.closers) {
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	n.closers = nil
	if n.stack != nil {
		n.stack.Close()
	}
	return errors.Join(errs...)
}

func (n *Network) owns(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers = append(n.closers, c)
}

// start makes the gateway: it answers ARP and pings, and gives out addresses.
func (n *Network) start() error {
	var err error
	n.endpoint, err = tap.NewLinkEndpoint(false, mtu, gatewayMAC, gateway.String(), n.addressesOfRules())
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	n.frames = tap.NewSwitch(false)
	n.endpoint.Connect(n.frames)
	n.frames.Connect(n.endpoint)
	n.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	if err := n.addCard(); err != nil {
		return fmt.Errorf("network: %s", err)
	}
	if err := n.serveDHCP(); err != nil {
		return fmt.Errorf("network: DHCP: %w", err)
	}
	// A restricted guest gets nothing that would connect it to the outside, so
	// that no frame of whatever kind can.
	if n.Restrict {
		return nil
	}
	n.forwardOutbound()
	if err := n.serveDNS(); err != nil {
		return fmt.Errorf("network: DNS: %w", err)
	}
	return nil
}

// addressesOfRules returns the addresses besides the gateway's at which the
// guest finds ports of the host.
func (n *Network) addressesOfRules() []string {
	var list []string
	for _, r := range n.Rules {
		if r.FromGuest {
			list = append(list, r.Guest.Addr().String())
		}
	}
	return list
}

// addCard puts the stack on the network, where it takes every packet for its
// own: it stands for the whole world.
func (n *Network) addCard() tcpip.Error {
	if err := n.stack.CreateNIC(nic, n.endpoint); err != nil {
		return err
	}
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{
		Address: address(gateway), PrefixLen: subnet.Bits(),
	}}
	if err := n.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return err
	}
	if err := n.stack.SetSpoofing(nic, true); err != nil {
		return err
	}
	if err := n.stack.SetPromiscuousMode(nic, true); err != nil {
		return err
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: address.AddressWithPrefix.Subnet(), NIC: nic}})
	return nil
}

// serveDHCP gives the guest its address, and any other card one that is free.
func (n *Network) serveDHCP() error {
	pool := tap.NewIPPool(&net.IPNet{IP: subnet.Addr().AsSlice(), Mask: net.CIDRMask(subnet.Bits(), 32)})
	pool.Reserve(gateway.AsSlice(), gatewayMAC)
	if len(n.MACs) > 0 {
		pool.Reserve(guest.AsSlice(), n.MACs[0].String())
	}
	for _, a := range n.addressesOfRules() {
		pool.Reserve(net.ParseIP(a), gatewayMAC)
	}
	config := &types.Configuration{Subnet: subnet.String(), GatewayIP: gateway.String(), MTU: mtu}
	server, err := dhcp.New(config, n.stack, pool)
	if err != nil {
		return err
	}
	n.owns(server.Underlying)
	go server.Serve() // until Close
	return nil
}

// serveDNS answers with what the host's resolver knows.
func (n *Network) serveDNS() error {
	at := tcpip.FullAddress{NIC: nic, Addr: address(gateway), Port: dnsPort}
	packets, err := gonet.DialUDP(n.stack, &at, nil, ipv4.ProtocolNumber)
	if err != nil {
		return err
	}
	n.owns(packets)
	listener, err := n.listen(at)
	if err != nil {
		return err
	}
	n.owns(listener)
	server, err := dns.New(packets, listener, nil)
	if err != nil {
		return err
	}
	go server.Serve() // until Close, as the next
	go server.ServeTCP()
	return nil
}

// dial connects to the guest.
func (n *Network) dial(ctx context.Context, proto string, to netip.AddrPort) (net.Conn, error) {
	at := tcpip.FullAddress{NIC: nic, Addr: address(to.Addr()), Port: to.Port()}
	if proto == "udp" {
		return gonet.DialUDP(n.stack, nil, &at, ipv4.ProtocolNumber)
	}
	return gonet.DialContextTCP(ctx, n.stack, at, ipv4.ProtocolNumber)
}

func address(a netip.Addr) tcpip.Address { return tcpip.AddrFrom4(a.As4()) }
