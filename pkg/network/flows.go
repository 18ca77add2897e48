package network

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// flowIdle is how long a flow lasts without a datagram. Routers must wait for
	// two minutes, less at ports that are known to need less (RFC 4787, 4.3).
	flowIdle = 2 * time.Minute
	// datagramMost is the longest datagram (RFC 768, over IPv4).
	datagramMost = 65507
)

// flow is a pair of UDP ports, the guest's and one elsewhere.
type flow struct {
	guest, host net.Conn
	last        atomic.Int64 // when the last datagram passed
}

// flows are those that are open: at the bound, the one that has been silent for
// longest makes room.
type flows struct {
	mu   sync.Mutex
	most int
	open map[*flow]struct{}
}

// add starts a flow.
func (f *flows) add(fresh *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh.touch()
	if len(f.open) >= f.most {
		f.idlest().close()
	}
	f.open[fresh] = struct{}{}
	end := func() {
		fresh.close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, fresh)
	}
	go fresh.pass(fresh.host, fresh.guest, end)
	go fresh.pass(fresh.guest, fresh.host, end)
}

// idlest takes out the flow that has been silent for longest.
func (f *flows) idlest() *flow {
	var found *flow
	for one := range f.open {
		if found == nil || one.last.Load() < found.last.Load() {
			found = one
		}
	}
	delete(f.open, found)
	return found
}

// Close ends all flows.
func (f *flows) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.open {
		one.close()
	}
	return nil
}

func (f *flow) close() {
	f.guest.Close()
	f.host.Close()
}

// touch puts off the flow's end.
func (f *flow) touch() {
	now := time.Now()
	f.last.Store(now.UnixNano())
	_ = f.guest.SetReadDeadline(now.Add(flowIdle))
	_ = f.host.SetReadDeadline(now.Add(flowIdle))
}

// pass passes datagrams on in one direction. That nobody listened when the last
// one arrived does not end it.
func (f *flow) pass(to, from net.Conn, end func()) {
	defer end()
	for buf := make([]byte, datagramMost); ; {
		n, err := from.Read(buf)
		if err == nil {
			f.touch()
			_, err = to.Write(buf[:n])
		}
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
}
