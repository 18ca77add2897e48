// Package lease finds a guest's address in the leases of macOS's DHCP server.
// vfkit's NAT is macOS's own, and there is no other way to learn the address.
//
// macOS's bootpd(8) keeps the leases in /var/db/dhcpd_leases. This package gets
// the file's content and opens nothing; it imports nothing of nixvf.
package lease

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Lease is an address that was given out.
type Lease struct {
	Name    string // what the client calls itself, often ""
	Address netip.Addr
	// Client is the client's identifier, as in RFC 2132, 9.14: for type 1 its
	// hardware address, for type 255 an IAID and a DUID (RFC 4361).
	Type   byte
	Client []byte
	Until  int64 // Unix time, 0 when the file does not say
}

// Parse reads a leases file: entries in braces of one key=value a line.
// Numbers are hexadecimal, and bytes have no leading zeros. Entries and keys
// that it does not know are left out.
func Parse(data []byte) []Lease {
	var leases []Lease
	var l Lease
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "{":
			l = Lease{}
		case "name":
			l.Name = value
		case "ip_address":
			l.Address, _ = netip.ParseAddr(value) // invalid: left out below
		case "hw_address":
			l.Type, l.Client = client(value)
		case "lease":
			l.Until, _ = strconv.ParseInt(strings.TrimPrefix(value, "0x"), 16, 64)
		case "}":
			if l.Address.IsValid() && l.Client != nil {
				leases = append(leases, l)
			}
			l = Lease{}
		}
	}
	return leases
}

// client reads TYPE,B:B:B…, or returns nil.
func client(text string) (kind byte, id []byte) {
	number, bytes, _ := strings.Cut(text, ",")
	n, err := strconv.ParseUint(number, 16, 8)
	if err != nil {
		return 0, nil
	}
	for digits := range strings.SplitSeq(bytes, ":") {
		b, err := strconv.ParseUint(digits, 16, 8)
		if err != nil {
			return 0, nil
		}
		id = append(id, byte(b))
	}
	return byte(n), id
}

// Find returns the latest lease of the card mac, or, when no lease says that it
// is for this card, the latest of a client that calls itself name and does not
// say what its card is.
func Find(leases []Lease, mac net.HardwareAddr, name string) (found Lease, ok bool) {
	best := 0
	for _, l := range leases {
		sure := l.sure(mac, name)
		if sure > best || sure > 0 && sure == best && l.Until > found.Until {
			found, best = l, sure
		}
	}
	return found, best > 0
}

// sure is 2 when the lease is for the card mac, 1 when it may be for it since
// the client goes by name, and else 0.
func (l Lease) sure(mac net.HardwareAddr, name string) int {
	hw := l.hardware()
	switch {
	case hw != nil && bytes.Equal(hw, mac):
		return 2
	case hw == nil && name != "" && l.Name == name:
		return 1
	}
	return 0
}

// hardware returns the client's hardware address, nil when its identifier does
// not tell. Of the DUIDs (RFC 8415, 11), kinds 1 and 3 end in one, after 8 and
// 4 bytes; an IAID of 4 bytes goes before.
func (l Lease) hardware() []byte {
	switch {
	case l.Type == 1:
		return l.Client
	case l.Type != 0xff || len(l.Client) < 6:
		return nil
	}
	duid := l.Client[4:]
	switch hex.EncodeToString(duid[:2]) {
	case "0001":
		return duid[min(8, len(duid)):]
	case "0003":
		return duid[min(4, len(duid)):]
	}
	return nil
}
