package network

import (
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

func port(from, proto, host string, hostPort int, guest string, guestPort int) bootdoc.ForwardPort {
	return bootdoc.ForwardPort{From: from, Proto: proto,
		Host: bootdoc.Address{Address: host, Port: hostPort}, Guest: bootdoc.Address{Address: guest, Port: guestPort}}
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		port        bootdoc.ForwardPort
		host, guest string
	}{
		{port("host", "tcp", "", 2222, "", 22), "127.0.0.1:2222", "10.0.2.15:22"},
		{port("host", "udp", "0.0.0.0", 53, "10.0.2.15", 53), "0.0.0.0:53", "10.0.2.15:53"},
		{port("host", "tcp", "::1", 8080, "10.0.2.20", 80), "[::1]:8080", "10.0.2.20:80"},
		{port("guest", "tcp", "", 5432, "10.0.2.100", 5432), "127.0.0.1:5432", "10.0.2.100:5432"},
	} {
		rules, err := Rules([]bootdoc.ForwardPort{c.port})
		if err != nil {
			t.Errorf("%+v: %v", c.port, err)
			continue
		}
		r := rules[0]
		if r.Host.String() != c.host || r.Guest.String() != c.guest || r.Proto != c.port.Proto || r.FromGuest != (c.port.From == "guest") {
			t.Errorf("%+v: %+v, want %s and %s", c.port, r, c.host, c.guest)
		}
	}
}

func TestRulesThatAreImpossible(t *testing.T) {
	ports := []bootdoc.ForwardPort{
		port("host", "tcp", "", 1, "10.0.3.1", 1),
		port("host", "tcp", "", 1, "10.0.2.2", 1),
		port("host", "tcp", "", 1, "fd00::1", 1),
		port("guest", "tcp", "", 1, "", 1),
		port("guest", "udp", "", 1, "10.0.2.100", 1),
		port("host", "tcp", "", 0, "", 1),
		port("host", "tcp", "", 1, "localhost", 1),
	}
	_, err := Rules(ports)
	want := []string{
		`forwardPorts[0]: guest.address: "10.0.3.1" is not an address for a guest in 10.0.2.0/24`,
		`forwardPorts[1]: guest.address: "10.0.2.2" is not an address for a guest`,
		`forwardPorts[2]: guest.address: "fd00::1" is not an address for a guest`,
		`forwardPorts[3]: guest.address: "10.0.2.15" is the guest's own address`,
		`forwardPorts[4]: proto: "udp" cannot be forwarded from the guest, only tcp`,
		`forwardPorts[5]: 0 is not a port`,
		`forwardPorts[6]: "localhost" is not an IP address`,
	}
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if len(got) != len(want) {
		t.Fatalf("%d errors, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
