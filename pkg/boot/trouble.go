package boot

import (
	"time"

	"github.com/nixvf/nixvf/pkg/console"
)

// troubleInterval is how often the console of a guest that boots is looked at.
const troubleInterval = time.Second

// tellTrouble says once what keeps the guest from coming up. The VM goes on, for
// the user to look at. Once it has come up, its console shows whatever its users
// want, and is not looked at any more. The same goes for one that somebody uses.
func (s *session) tellTrouble() {
	if s.console.pty == nil { // its console is elsewhere
		return
	}
	tick := time.NewTicker(troubleInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.process.Done():
			return
		case <-tick.C:
		}
		output := s.console.output.Tail()
		if s.console.pty.Attended() || console.IsUp(output) {
			return
		}
		if trouble, found := console.FindTrouble(output, int(s.restarts.Load())); found {
			s.console.tell("the guest does not come up: %s; the console said last: %q", trouble.What, trouble.Last)
			s.console.tell("hint: boot with nixvf-args --kernel-param systemd.log_target=console to see why; " +
				"virtualisation.vmVariant.boot.initrd.systemd.emergencyAccess = true lets you into stage 1's emergency mode")
			return
		}
	}
}
