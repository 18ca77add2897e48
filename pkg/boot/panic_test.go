package boot

import (
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// restarting is a VMM that tells of so many restarts.
type restarting struct {
	vmm.VMM
	times int
}

func (r restarting) Watch(_ <-chan struct{}, restarted func()) {
	for range r.times {
		restarted()
	}
}

// TestSilentRestarts: one restart, of which a busy QEMU tells four times, does not
// end the VM; restarts without end do.
func TestSilentRestarts(t *testing.T) {
	for times, ends := range map[int]bool{4: false, 20: true} {
		s := &session{m: &machine{vmm: restarting{times: times}}, console: &guestConsole{}, process: &child.Process{}, alarm: newAlarm()}
		s.watchRestarts()
		select {
		case p := <-s.panics:
			if !ends || !p.sure || !strings.Contains(p.err.Error(), "prints nothing") {
				t.Errorf("%d: %v", times, p.err)
			}
		default:
			if ends {
				t.Errorf("%d: the guest may restart for ever", times)
			}
		}
	}
}
