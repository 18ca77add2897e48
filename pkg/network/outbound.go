package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/inetaf/tcpproxy"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// dialTimeout is how long a connection to the outside may take to be made. A
	// guest's kernel tries again by itself, for two minutes (tcp(7),
	// tcp_syn_retries).
	dialTimeout = 20 * time.Second
	// connectionsMost bounds the guest's connections, those that are being made and
	// those that are there, each by itself: they cost this process memory and
	// descriptors.
	connectionsMost = 1024
	// flowsMost bounds the pairs of UDP ports that the guest talks between.
	flowsMost = 512
	// keepAlive is how long a guest may be silent on a connection before it is asked
	// whether it still has it: after a restart it has not.
	keepAlive = time.Minute
)

// outbound lets the guest out: what it sends to anywhere, this process sends for
// it, within bounds.
type outbound struct {
	stack    *stack.Stack
	loopback bool          // the gateway is the host's loopback interface
	slots    chan struct{} // one for each connection
	flows    flows
}

// forwardOutbound starts to let the guest out.
func (n *Network) forwardOutbound() {
	files := openFiles()
	most := min(connectionsMost, files/4)
	o := &outbound{
		stack: n.stack, loopback: n.HostLoopback, slots: make(chan struct{}, most),
		flows: flows{most: min(flowsMost, files/8), open: map[*flow]struct{}{}},
	}
	n.owns(&o.flows)
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(n.stack, 0, most, o.connect).HandlePacket)
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(n.stack, o.send).HandlePacket)
}

// openFiles is how many files this process may have open.
func openFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 256 // macOS's default
	}
	return int(min(limit.Cur, 1<<20))
}

// destination returns where this process connects to for the guest. There is no
// way to the host's loopback interface but the one that was asked for.
func (o *outbound) destination(id stack.TransportEndpointID) (to netip.AddrPort, ok bool) {
	addr := netip.AddrFrom4(id.LocalAddress.As4())
	if addr == gateway && o.loopback {
		return netip.AddrPortFrom(loopback, id.LocalPort), true
	}
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	ok = addr != gateway && addr != broadcast && !addr.IsLoopback() && !addr.IsUnspecified() &&
		!addr.IsMulticast() && !addr.IsLinkLocalUnicast()
	return netip.AddrPortFrom(addr, id.LocalPort), ok
}

// connect answers a guest that opens a connection. Where nobody answers us, the
// guest gets no answer either; where we are refused, so is the guest.
func (o *outbound) connect(r *tcp.ForwarderRequest) {
	to, ok := o.destination(r.ID())
	if !ok {
		r.Complete(true)
		return
	}
	out, err := net.DialTimeout("tcp", to.String(), dialTimeout)
	if err != nil {
		var late net.Error
		r.Complete(!errors.As(err, &late) || !late.Timeout())
		return
	}
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	default:
		out.Close()
		r.Complete(true)
		return
	}
	var queue waiter.Queue
	end, problem := r.CreateEndpoint(&queue)
	r.Complete(false)
	if problem != nil { // the guest has changed its mind
		out.Close()
		return
	}
	askWhenSilent(end)
	join(gonet.NewTCPConn(&queue, end), out)
}

// askWhenSilent ends a connection that the guest does not know any more.
func askWhenSilent(end tcpip.Endpoint) {
	idle, interval := tcpip.KeepaliveIdleOption(keepAlive), tcpip.KeepaliveIntervalOption(keepAlive)
	end.SetSockOpt(&idle)
	end.SetSockOpt(&interval)
	end.SocketOptions().SetKeepAlive(true)
}

// join passes bytes on between two connections until both have ended.
func join(a, b net.Conn) {
	target := tcpproxy.DialProxy{DialContext: func(context.Context, string, string) (net.Conn, error) { return b, nil }}
	target.HandleConn(a)
}

// send passes on the first datagram of a flow from the guest, and what follows.
func (o *outbound) send(r *udp.ForwarderRequest) {
	to, ok := o.destination(r.ID())
	if !ok {
		return
	}
	out, err := net.Dial("udp", to.String())
	if err != nil {
		return // as lost on the way
	}
	var queue waiter.Queue
	end, problem := r.CreateEndpoint(&queue)
	if problem != nil {
		out.Close()
		return
	}
	o.flows.add(&flow{guest: gonet.NewUDPConn(&queue, end), host: out})
}
