package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// The addresses are those of QEMU's user network, which qemu-vm.nix's
// forwardPorts take for granted.
var (
	subnet  = netip.MustParsePrefix("10.0.2.0/24")
	gateway = netip.MustParseAddr("10.0.2.2")
	guest   = netip.MustParseAddr("10.0.2.15")
)

var loopback = netip.MustParseAddr("127.0.0.1")

// Rule is a forwarded port: who connects to one end reaches the other.
type Rule struct {
	FromGuest bool   // connections come from the guest
	Proto     string // "tcp" or "udp"
	Host      netip.AddrPort
	Guest     netip.AddrPort
}

// String says what leads where.
func (r Rule) String() string {
	if r.FromGuest {
		return fmt.Sprintf("the guest's %s port %v leads to the host's %v", r.Proto, r.Guest, r.Host)
	}
	return fmt.Sprintf("the host's %s port %v leads to the guest's %v", r.Proto, r.Host, r.Guest)
}

// Rules reads the forwarded ports of a document. Without an address, the host's
// end is on the loopback interface and the guest's is the guest itself. The
// error names every rule that is impossible.
func Rules(ports []bootdoc.ForwardPort) ([]Rule, error) {
	var rules []Rule
	var errs []error
	for i, p := range ports {
		r, err := newRule(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("forwardPorts[%d]: %w", i, err))
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(errs...)
}

func newRule(p bootdoc.ForwardPort) (Rule, error) {
	r := Rule{FromGuest: p.From == "guest", Proto: p.Proto}
	var err, err2 error
	r.Host, err = endpoint(p.Host, loopback)
	r.Guest, err2 = endpoint(p.Guest, guest)
	addr := r.Guest.Addr()
	switch {
	case err != nil || err2 != nil:
		return r, errors.Join(err, err2)
	case !subnet.Contains(addr) || addr == gateway || addr == subnet.Masked().Addr():
		return r, fmt.Errorf("guest.address: %q is not an address for a guest in %v, where %v is the gateway", addr, subnet, gateway)
	case r.FromGuest && addr == guest:
		return r, fmt.Errorf("guest.address: %q is the guest's own address; to reach the host from the guest, use another address in %v", addr, subnet)
	case r.FromGuest && p.Proto != "tcp":
		return r, fmt.Errorf("proto: %q cannot be forwarded from the guest, only tcp", p.Proto)
	}
	return r, nil
}

func endpoint(a bootdoc.Address, fallback netip.Addr) (netip.AddrPort, error) {
	addr := fallback
	if a.Address != "" {
		var err error
		if addr, err = netip.ParseAddr(a.Address); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is not an IP address", a.Address)
		}
	}
	if a.Port < 1 || a.Port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("%d is not a port", a.Port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(a.Port)), nil
}
