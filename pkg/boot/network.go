package boot

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// firstCardFD is the descriptor of the first file that the VMM inherits: cards
// come before the locks.
const firstCardFD = 3

// planNetwork decides which cards are on a network of ours: those with NAT,
// when the VMM has none, or its own cannot do what the document wants.
func (m *machine) planNetwork() (err error) {
	wanted := len(m.doc.ForwardPorts) > 0 || m.doc.RestrictNetwork || m.doc.HostLoopback
	if !wanted && m.kind.NAT {
		return nil
	}
	if m.rules, err = network.Rules(m.doc.ForwardPorts); err != nil {
		return err
	}
	cards := slices.DeleteFunc(config.FilterDevices[*config.VirtioNet](m.vm), m.isLinked)
	for _, card := range cards {
		if !card.Nat && m.doc.RestrictNetwork {
			return errors.New("restrictNetwork: a network card on a socket of its own cannot be restricted")
		}
	}
	m.cards = slices.DeleteFunc(cards, func(c *config.VirtioNet) bool { return !c.Nat })
	if len(m.cards) == 0 && len(m.rules) > 0 {
		return errors.New("forwardPorts: the VM has no NAT network card")
	}
	m.nameCards()
	return nil
}

// nameCards gives each card on a network of ours a hardware address: frames from
// others are dropped there. Forwarded ports find the guest by the first card's.
func (m *machine) nameCards() {
	for i, card := range m.cards {
		switch {
		case card.MacAddress != nil:
		case i == 0:
			card.MacAddress = vfkit.MACOf(m.place.ID)
		default:
			card.MacAddress = vfkit.MACOf(fmt.Sprintf("%s/%d", m.place.ID, i))
		}
		m.macs = append(m.macs, card.MacAddress)
	}
}

// cardFD is the descriptor on which a VMM that inherits sockets finds its first
// card, 0 when no card is on a network of ours.
func (m *machine) cardFD() int {
	if len(m.cards) == 0 && !m.linked {
		return 0
	}
	return firstCardFD
}

// ownNetwork is a network that this process runs, and its log.
type ownNetwork struct {
	*network.Network
	log *os.File
}

// startNetwork starts the network, before anything else is made: a port that
// is taken ends it all here. It returns nil when the VMM's own NAT does.
func (m *machine) startNetwork() (*ownNetwork, error) {
	if len(m.cards) == 0 {
		return nil, nil
	}
	log, err := os.OpenFile(m.place.Log("network"), os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	n, err := network.New(network.Config{
		MACs: m.macs, Rules: m.rules, Log: log, Restrict: m.doc.RestrictNetwork, HostLoopback: m.doc.HostLoopback,
	})
	if err != nil {
		log.Close()
		return nil, err
	}
	if m.Verbose {
		for _, r := range m.rules {
			m.Say("%s", r)
		}
	}
	return &ownNetwork{n, log}, nil
}

// close ends the network; the log stays open for what its last goroutines say.
func (n *ownNetwork) close() {
	if n != nil {
		n.Close()
	}
}
