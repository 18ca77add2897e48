package boot

import (
	"fmt"
	"slices"
)

const (
	// clockPort is the guest's vsock port at which it is told the time.
	clockPort = 723
	// clockParam tells the guest that it will be.
	clockParam = "nixvf.clock"
)

// planClock has the VMM tell the guest the time whenever the host has woken up, if
// it can and the guest listens. A --timesync of the document's own goes before it.
func (m *machine) planClock() error {
	if !m.doc.Clock || !m.kind.TellsTime {
		return nil
	}
	if err := m.reserve(clockPort, "clock"); err != nil {
		return err
	}
	argv, err := tellGuest(m.doc.Argv, clockParam)
	if err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	doc := *m.doc
	doc.Argv = slices.Insert(argv, 1, "--timesync", fmt.Sprintf("vsockPort=%d", clockPort)) // the last one counts
	m.doc = &doc
	return nil
}
