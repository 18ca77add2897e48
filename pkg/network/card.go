package network

import (
	"net"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// sendersMost bounds the senders behind one card: bridges and containers in the
// guest have addresses of their own.
const sendersMost = 64

// sender is a hardware address, to look up.
type sender [header.EthernetAddressSize]byte

// card is a card's end of the network. It drops what a guest can send and the
// switch does not expect: frames that are shorter than their header, and those
// from ever more senders, each of which the switch remembers for as long as the
// VM runs. The guest's cards are always among its senders.
type card struct {
	net.Conn
	senders map[sender]bool
}

func newCard(conn net.Conn, cards []net.HardwareAddr) card {
	c := card{conn, map[sender]bool{}}
	for _, mac := range cards {
		c.senders[sender(mac)] = true
	}
	return c
}

// Read is called by one goroutine.
func (c card) Read(frame []byte) (int, error) {
	for {
		n, err := c.Conn.Read(frame)
		if err != nil || n >= header.EthernetMinimumSize && c.knows(sender(frame[header.EthernetAddressSize:])) {
			return n, err
		}
	}
}

// knows reports whether a sender may be remembered. A group of receivers (IEEE
// 802, the first byte is odd) is no sender.
func (c card) knows(from sender) bool {
	if !c.senders[from] && from[0]&1 == 0 && len(c.senders) < sendersMost {
		c.senders[from] = true
	}
	return c.senders[from]
}
