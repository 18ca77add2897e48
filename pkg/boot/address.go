package boot

import (
	"context"
	"net/netip"
	"os"
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/lease"
)

const (
	// leasePoll is how often the leases are looked at.
	leasePoll = 500 * time.Millisecond
	// leaseStale is how long a lease that was there before the VM is not
	// believed: the guest's own is to come.
	leaseStale = 30 * time.Second
)

// findAddress passes the guest's address to found once it is known, if anybody
// asked and can know it. Call it before the VM starts.
func (m *machine) findAddress(ctx context.Context, found func(netip.Addr)) {
	if !m.Address {
		return
	}
	card := m.natCard()
	if card == nil {
		m.Warn("--address: this host cannot reach the guest's address; forward a port instead")
		return
	}
	before, _ := m.lease(card)
	go func() {
		start := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(leasePoll):
			}
			l, ok := m.lease(card)
			if fresh := l.Address != before.Address || l.Until != before.Until; ok && (fresh || time.Since(start) > leaseStale) {
				found(l.Address)
				return
			}
		}
	}()
}

// natCard returns the first card on the VMM's own NAT, nil when there is none
// whose hardware address is known.
func (m *machine) natCard() *config.VirtioNet {
	if !m.kind.NAT || len(m.cards) > 0 {
		return nil
	}
	for _, card := range config.FilterDevices[*config.VirtioNet](m.vm) {
		if card.Nat && card.MacAddress != nil {
			return card
		}
	}
	return nil
}

// lease returns a card's lease. A file that is not there holds none.
func (m *machine) lease(card *config.VirtioNet) (lease.Lease, bool) {
	data, _ := os.ReadFile(m.Leases)
	return lease.Find(lease.Parse(data), card.MacAddress, m.doc.Name)
}
