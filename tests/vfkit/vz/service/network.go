//go:build linux

package main

import (
	"bytes"
	"net"
	"os"

	"github.com/Code-Hex/vz/v3/machine"
)

// plugIn connects the guest to a card's socket, if it has one: it is at
// 10.0.2.15, answers ARP and sends datagrams back.
func (vm *VM) plugIn(card machine.Card) {
	if card.Socket == 0 || machine.Setting("GUEST") == "qemu" {
		return
	}
	socket := os.NewFile(uintptr(card.Socket), "network")
	vm.kept = append(vm.kept, socket)
	mac, _ := net.ParseMAC(card.MAC) // as net has printed it
	go func() {
		frame := make([]byte, 2048)
		for {
			n, err := socket.Read(frame)
			if err != nil {
				return
			}
			if turnAround(frame[:n], mac) {
				_, _ = socket.Write(frame[:n])
			}
		}
	}()
}

// turnAround makes a frame its own answer: an ARP request (RFC 826) for
// 10.0.2.15, or a UDP datagram, whose checksums do not mind that the ends
// change places. It reports whether there is one.
func turnAround(frame []byte, mac net.HardwareAddr) bool {
	swap := func(i, j, size int) {
		for k := range size {
			frame[i+k], frame[j+k] = frame[j+k], frame[i+k]
		}
	}
	const arp, ip, udp = 14, 14, 34 // offsets, without IP options
	switch {
	case len(frame) >= arp+28 && frame[12] == 8 && frame[13] == 6 && frame[arp+7] == 1:
		if !bytes.Equal(frame[arp+24:arp+28], []byte{10, 0, 2, 15}) {
			return false
		}
		frame[arp+7] = 2
		swap(arp+8, arp+18, 10)
		copy(frame[arp+8:], mac)
	case len(frame) >= udp+8 && frame[12] == 8 && frame[13] == 0 && frame[ip+9] == 17:
		swap(ip+12, ip+16, 4)
		swap(udp, udp+2, 2)
	default:
		return false
	}
	copy(frame, frame[6:12])
	copy(frame[6:], mac)
	return true
}
