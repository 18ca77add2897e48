package vfkit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Forward is a port of the host that is forwarded to the guest.
type Forward bootdoc.ForwardPort

// UnmarshalText reads [ADDRESS:]PORT:GUESTPORT[/PROTOCOL], as in 2222:22,
// 8053:53/udp, 0.0.0.0:8080:80 or [::1]:8080:80.
func (f *Forward) UnmarshalText(text []byte) error {
	ends, proto, ok := strings.Cut(string(text), "/")
	if !ok {
		proto = "tcp"
	}
	i := strings.LastIndex(ends, ":")
	if i < 0 {
		return fmt.Errorf("%q is not of the form [ADDRESS:]PORT:GUESTPORT[/udp]", text)
	}
	host := ends[:i]
	if !strings.Contains(host, ":") {
		host = ":" + host
	}
	p, err := forward(proto, host, ends[i:])
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	*f = Forward(p)
	return nil
}

// NetOpts reads the value of QEMU_NET_OPTS, which run-nixos-vm appends to
// QEMU's -netdev user: the rules hostfwd=[PROTO]:[ADDRESS]:PORT-[GUEST]:PORT,
// and whether the network is restricted (restrict=on). rest holds the other
// options, which mean nothing without QEMU's own network.
func NetOpts(opts string) (forwards []bootdoc.ForwardPort, restrict bool, rest []string, err error) {
	for opt := range strings.SplitSeq(opts, ",") {
		key, value, _ := strings.Cut(opt, "=")
		switch key {
		case "":
		case "hostfwd":
			p, err := hostfwd(value)
			if err != nil {
				return nil, false, nil, fmt.Errorf("%q: %w", opt, err)
			}
			forwards = append(forwards, p)
		case "restrict":
			restrict = value == "on" || value == "yes" || value == "y"
		default:
			rest = append(rest, opt)
		}
	}
	return forwards, restrict, rest, nil
}

func hostfwd(rule string) (bootdoc.ForwardPort, error) {
	proto, ends, ok := strings.Cut(rule, ":")
	host, guest, ok2 := strings.Cut(ends, "-")
	if !ok || !ok2 {
		return bootdoc.ForwardPort{}, fmt.Errorf("not of the form tcp:[ADDRESS]:PORT-[GUEST]:PORT")
	}
	if proto == "" {
		proto = "tcp"
	}
	return forward(proto, host, guest)
}

func forward(proto, host, guest string) (p bootdoc.ForwardPort, err error) {
	p = bootdoc.ForwardPort{From: "host", Proto: proto}
	if proto != "tcp" && proto != "udp" {
		return p, fmt.Errorf("protocol %q is neither tcp nor udp", proto)
	}
	if p.Host, err = address(host); err != nil {
		return p, err
	}
	p.Guest, err = address(guest)
	return p, err
}

// address reads [ADDRESS]:PORT, where an IPv6 address stands in brackets.
func address(s string) (bootdoc.Address, error) {
	i := strings.LastIndex(s, ":")
	if i < 0 {
		return bootdoc.Address{}, fmt.Errorf("%q is not of the form [ADDRESS]:PORT", s)
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || port == 0 {
		return bootdoc.Address{}, fmt.Errorf("%q is not a port", s[i+1:])
	}
	a := bootdoc.Address{Address: s[:i], Port: int(port)}
	if inner, ok := strings.CutPrefix(a.Address, "["); ok && strings.HasSuffix(inner, "]") {
		a.Address = strings.TrimSuffix(inner, "]")
	}
	return a, bootdoc.CheckIP(a.Address)
}
