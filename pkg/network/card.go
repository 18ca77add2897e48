package network

import (
	"bytes"
	"net"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// card is a card's end of the network. It drops what a guest can send and the
// switch does not expect: frames that are shorter than their header, and those
// that come from no card of the guest's, since the switch remembers each sender
// for as long as the VM runs.
type card struct {
	net.Conn
	senders []net.HardwareAddr
}

func (c card) Read(frame []byte) (int, error) {
	for {
		n, err := c.Conn.Read(frame)
		if err != nil || n >= header.EthernetMinimumSize && c.sent(frame) {
			return n, err
		}
	}
}

// sent reports whether a card of the guest's has sent the frame, whose sender
// stands behind its destination.
func (c card) sent(frame []byte) bool {
	return slices.ContainsFunc(c.senders, func(a net.HardwareAddr) bool {
		return bytes.Equal(a, frame[header.EthernetAddressSize:2*header.EthernetAddressSize])
	})
}
