package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// echoServer echoes TCP and UDP at one port of an address of this host.
func echoServer(t *testing.T, addr string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	at := l.Addr().(*net.TCPAddr).AddrPort()
	p, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 64)
				n, _ := conn.Read(buf)
				_, _ = conn.Write(buf[:n])
				conn.Close()
			}()
		}
	}()
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(buf[:n], from)
		}
	}()
	return at
}

// reaches returns why the guest does not get an echo.
func reaches(s *stack.Stack, proto string, to netip.AddrPort) error {
	at := full(to.Addr(), to.Port())
	var conn net.Conn
	var err error
	if proto == "udp" {
		conn, err = gonet.DialUDP(s, nil, &at, ipv4.ProtocolNumber)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn, err = gonet.DialContextTCP(ctx, s, at, ipv4.ProtocolNumber)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 64)
	if _, err := conn.Write([]byte("echo")); err != nil {
		return err
	}
	n, err := conn.Read(buf)
	if err == nil && string(buf[:n]) != "echo" {
		err = fmt.Errorf("%q came back", buf[:n])
	}
	return err
}

// The host's loopback interface is closed to the guest, by whatever address,
// and open where that is wanted.
func TestHostLoopback(t *testing.T) {
	server := echoServer(t, "127.0.0.1")
	var all sync.WaitGroup
	for _, open := range []bool{false, true} {
		_, s, _ := newGuest(t, Config{HostLoopback: open})
		for _, proto := range []string{"tcp", "udp"} {
			for _, addr := range []string{gateway.String(), "127.0.0.1", "0.0.0.0", "10.0.2.3"} {
				all.Go(func() {
					err := reaches(s, proto, netip.AddrPortFrom(netip.MustParseAddr(addr), server.Port()))
					if want := open && addr == gateway.String(); (err == nil) != want {
						t.Errorf("open %v: %s to %s: %v", open, proto, addr, err)
					}
				})
			}
		}
	}
	all.Wait()
}

// What is no address of another machine is not connected to.
func TestDestination(t *testing.T) {
	for _, addr := range []string{"10.0.2.2", "127.0.0.1", "127.9.9.9", "0.0.0.0", "224.0.0.251", "255.255.255.255", "169.254.169.254"} {
		o := &outbound{}
		if to, ok := o.destination(stack.TransportEndpointID{LocalAddress: address(netip.MustParseAddr(addr)), LocalPort: 80}); ok {
			t.Errorf("%s leads to %v", addr, to)
		}
	}
}

// unanswered returns an address where connections are not answered: of a socket
// that listens, and whose queue is full.
func unanswered(t *testing.T, addr string) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "silent")
	t.Cleanup(func() { file.Close() })
	at := &syscall.SockaddrInet4{Addr: netip.MustParseAddr(addr).As4()}
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(name.(*syscall.SockaddrInet4).Port))
	for range 8 {
		conn, err := net.DialTimeout("tcp", to.String(), 200*time.Millisecond)
		if err != nil {
			return to
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("this host answers although nobody accepts")
	return to
}

func TestUnansweredConnects(t *testing.T) {
	addr := outside(t)
	silent, server := unanswered(t, addr), echoServer(t, addr)
	_, s, _ := newGuest(t, Config{})
	if err := reaches(s, "tcp", server); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		go gonet.DialTCP(s, full(silent.Addr(), silent.Port()), ipv4.ProtocolNumber)
	}
	time.Sleep(200 * time.Millisecond) // until they have begun
	start := time.Now()
	if err := reaches(s, "tcp", server); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 900*time.Millisecond {
		t.Errorf("a connection took %v beside 50 that nobody answers", d) // a SYN again comes after a second
	}
}

// A guest cannot make the host remember more and more: senders, of which some
// are bridges and containers, and flows.
func TestBounds(t *testing.T) {
	n, _, card := newGuest(t, Config{})
	frame := make([]byte, 60)
	copy(frame, net.HardwareAddr{0x52, 0x55, 0x0a, 0, 2, 2})
	for i := range 5000 {
		binary.BigEndian.PutUint32(frame[8:], uint32(i))
		if _, err := card.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	server := echoServer(t, outside(t))
	_, s, _ := newGuest(t, Config{})
	for range 20 {
		if err := reaches(s, "udp", server); err != nil {
			t.Error(err)
		}
	}
	if senders := len(n.frames.CAM()); senders > sendersMost || senders < 2 {
		t.Errorf("%d senders are remembered", senders)
	}
}

// At the bound, the flow that has been silent for longest makes room.
func TestFlows(t *testing.T) {
	f := flows{most: 3, open: map[*flow]struct{}{}}
	var guests, hosts []net.Conn
	add := func() {
		guest, near := net.Pipe()
		far, host := net.Pipe()
		guests, hosts = append(guests, guest), append(hosts, host)
		f.add(&flow{guest: near, host: far})
	}
	passes := func(i int) error {
		_ = guests[i].SetDeadline(time.Now().Add(time.Second))
		_ = hosts[i].SetDeadline(time.Now().Add(time.Second))
		if _, err := guests[i].Write([]byte("x")); err != nil {
			return err
		}
		_, err := hosts[i].Read(make([]byte, 1))
		return err
	}
	for range 3 {
		add()
	}
	if err := passes(0); err != nil {
		t.Fatal(err)
	}
	add()
	for i, want := range []bool{true, false, true, true} {
		if err := passes(i); (err == nil) != want {
			t.Errorf("flow %d: %v", i, err)
		}
	}
	if err := f.Close(); err != nil || passes(3) == nil {
		t.Error("a flow goes on behind the end")
	}
}

func TestBoundedLog(t *testing.T) {
	var out strings.Builder
	b := &bounded{to: &out, left: 10}
	for range 3 {
		if n, err := b.Write([]byte("1234567\n")); n != 8 || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "1234567\n12\n(no more is logged)\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
