package network

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/nixvf/nixvf/pkg/accept"
)

var guestMAC = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}

// guestStack is a guest without a VM: a TCP/IP stack behind a card.
func guestStack(t *testing.T, card net.Conn) *stack.Stack {
	t.Helper()
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	link := channel.New(256, mtu, tcpip.LinkAddress(guestMAC))
	link.LinkEPCapabilities = stack.CapabilityResolutionRequired
	if err := s.CreateNIC(nic, ethernet.New(link)); err != nil {
		t.Fatal(err)
	}
	own := tcpip.AddressWithPrefix{Address: address(guest), PrefixLen: subnet.Bits()}
	if err := s.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: own}, stack.AddressProperties{}); err != nil {
		t.Fatal(err)
	}
	s.SetRouteTable([]tcpip.Route{
		{Destination: own.Subnet(), NIC: nic},
		{Destination: header.IPv4EmptySubnet, Gateway: address(gateway), NIC: nic},
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		card.Close()
		s.Close()
	})
	go func() {
		for pkt := link.ReadContext(ctx); pkt != nil; pkt = link.ReadContext(ctx) {
			_, _ = card.Write(pkt.ToView().AsSlice())
			pkt.DecRef()
		}
	}()
	go func() {
		for frame := make([]byte, 2048); ; {
			n, err := card.Read(frame)
			if err != nil {
				return
			}
			pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame[:n])})
			link.InjectInbound(0, pkt)
			pkt.DecRef()
		}
	}()
	return s
}

// newGuest starts a network with a guest on a pair of sockets.
func newGuest(t *testing.T, c Config) (*Network, *stack.Stack, net.Conn) {
	t.Helper()
	c.MACs, c.Log = []net.HardwareAddr{guestMAC}, io.Discard
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	file, err := n.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	card, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return n, guestStack(t, card), card
}

func full(a netip.Addr, port uint16) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: address(a), Port: port}
}

// freePort returns an address on the loopback interface where nobody listens.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// echoes sends text and wants it back, until it works: a guest that has just
// come is not heard at once.
func echoes(t *testing.T, proto, address string) {
	t.Helper()
	var err error
	for range 20 {
		if err = echo(proto, address); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(err)
}

func echo(proto, address string) error {
	conn, err := net.DialTimeout(proto, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	const text = "there and back"
	if _, err := conn.Write([]byte(text)); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		return fmt.Errorf("%s: %q came back: %w", proto, got, err)
	}
	return nil
}

// serveEcho makes the guest echo what arrives at a TCP and a UDP port.
func serveEcho(t *testing.T, s *stack.Stack, port uint16) {
	t.Helper()
	at := full(guest, port)
	listener, err := gonet.ListenTCP(s, at, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	packets, err := gonet.DialUDP(s, &at, nil, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn)
		}
	}()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(buf[:n], from)
		}
	}()
}

func TestForward(t *testing.T) {
	for _, restrict := range []bool{false, true} {
		host := freePort(t)
		_, s, card := newGuest(t, Config{Restrict: restrict, Rules: []Rule{
			{Proto: "tcp", Host: host, Guest: netip.AddrPortFrom(guest, 7)},
			{Proto: "udp", Host: host, Guest: netip.AddrPortFrom(guest, 7)},
		}})
		serveEcho(t, s, 7)
		for size := range 14 { // shorter than any frame
			if _, err := card.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		echoes(t, "tcp", host.String())
		echoes(t, "udp", host.String())
	}
}

func TestForwardFromGuest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
	end := netip.MustParseAddrPort("10.0.2.100:80")
	_, s, _ := newGuest(t, Config{Restrict: true, Rules: []Rule{
		{FromGuest: true, Proto: "tcp", Host: l.Addr().(*net.TCPAddr).AddrPort(), Guest: end},
	}})
	conn, err := gonet.DialTCP(s, full(end.Addr(), end.Port()), ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("the guest read %q: %v", got, err)
	}
}

// TestRestrict tries the ways out: to the gateway's name server, and to a
// server on an address of this host.
func TestRestrict(t *testing.T) {
	l, err := net.Listen("tcp", outside(t)+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := l.Addr().(*net.TCPAddr).AddrPort()
	for _, restrict := range []bool{false, true} {
		_, s, _ := newGuest(t, Config{Restrict: restrict})
		for _, to := range []netip.AddrPort{netip.AddrPortFrom(gateway, dnsPort), server} {
			conn, err := gonet.DialTCP(s, full(to.Addr(), to.Port()), ipv4.ProtocolNumber)
			if err == nil {
				conn.Close()
			}
			if refused := err != nil && strings.Contains(err.Error(), "refused"); refused != restrict {
				t.Errorf("restricted %v, connecting to %v: %v", restrict, to, err)
			}
		}
	}
}

func outside(t *testing.T) string {
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Skip("this host has no address but loopback")
	return ""
}

func TestPortsThatAreTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	free := freePort(t)
	to := netip.AddrPortFrom(guest, 7)
	n, err := New(Config{Log: io.Discard, Rules: []Rule{
		{Proto: "tcp", Host: free, Guest: to},
		{Proto: "tcp", Host: l.Addr().(*net.TCPAddr).AddrPort(), Guest: to},
		{Proto: "udp", Host: p.LocalAddr().(*net.UDPAddr).AddrPort(), Guest: to},
	}})
	if n != nil || err == nil {
		t.Fatal("two ports that are taken were forwarded")
	}
	want := fmt.Sprintf("forwardPorts: listen tcp %v: bind: address already in use\n"+
		"forwardPorts: listen udp %v: bind: address already in use", l.Addr(), p.LocalAddr())
	if err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	again, err := net.Listen("tcp", free.String())
	if err != nil {
		t.Fatalf("the free port is still taken: %v", err)
	}
	again.Close()
}

// TestListen attaches a guest as vfkit does: with a greeting, from a socket
// that has a name.
func TestListen(t *testing.T) {
	host := freePort(t)
	n, err := New(Config{MACs: []net.HardwareAddr{guestMAC}, Log: io.Discard, Rules: []Rule{{Proto: "tcp", Host: host, Guest: netip.AddrPortFrom(guest, 7)}}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "net")
	if err := n.Listen(path); err != nil {
		t.Fatal(err)
	}
	card, err := net.DialUnix("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "card"), Net: "unixgram"}, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := card.Write([]byte("VFKT")); err != nil {
		t.Fatal(err)
	}
	s := guestStack(t, card)
	serveEcho(t, s, 7)
	echoes(t, "tcp", host.String())
}

// TestClosedListener: whoever waits for connections to a port of the guest's network
// ends with it.
func TestClosedListener(t *testing.T) {
	n, err := New(Config{MACs: []net.HardwareAddr{guestMAC}, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	l, err := n.listen(full(gateway, 4321))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		accept.All(l.Accept, func(conn net.Conn) { conn.Close() }, func(err error) { t.Error(err) })
	}()
	time.Sleep(50 * time.Millisecond) // in which it has begun to wait
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it waits on")
	}
}
