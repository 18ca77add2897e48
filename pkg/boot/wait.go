package boot

import (
	"fmt"
	"time"

	"github.com/nixvf/nixvf/pkg/child"
)

// askAgain is how often the guest is asked to stop: a guest that is still
// booting does not hear the first time.
const askAgain = 2 * time.Second

// wait returns when the VMM has ended. A first request asks the guest to shut
// down; a second one, or the time limit, ends the VMM by force.
func (s *session) wait() error {
	var limit, again <-chan time.Time
	running := s.untilRunning()
	asked := false
	for {
		why := ""
		select {
		case <-s.vmm.Done():
			return nil
		case h := <-s.failed:
			return s.helperFailed(h)
		case sig := <-s.requests.signals:
			why = sig.String()
		case why = <-s.requests.keys:
		case why = <-s.requests.lost:
			if asked { // as by HUP, when the terminal is gone
				continue
			}
		case <-running:
			running = nil
			s.background()
			continue
		case <-s.detach:
			s.background()
			continue
		case <-s.front.Gone():
			s.frontGone()
			continue
		case v := <-s.visitors:
			s.welcome(v)
			continue
		case <-s.requests.resized:
			s.resize()
			continue
		case address := <-s.address:
			s.note("the guest's address is %v", address)
			continue
		case warning := <-s.unkept:
			s.note("warning: %s", warning)
			continue
		case warning := <-s.warnings:
			s.note("warning: %s", warning)
			continue
		case err := <-s.panics:
			s.forced = 1
			s.vmm.End()
			return err
		case <-again:
			go s.askGuest()
			again = time.After(askAgain)
			continue
		case <-limit:
			s.force(StatusTimeLimit, fmt.Sprintf("the guest did not stop within %v", s.StopTimeout))
			return nil
		}
		if asked {
			s.force(StatusForced, "asked twice")
			return nil
		}
		asked = true
		s.note("%s: asking the guest to stop; once more forces it", why)
		go s.askGuest()
		limit, again = time.After(s.StopTimeout), time.After(askAgain)
	}
}

func (s *session) askGuest() {
	if err := s.machine.vmm.stop(); err != nil && s.Verbose {
		s.note("stop: %v", err)
	}
}

// Exit statuses of a VM that was ended by force: its guest did not stop in
// time (the status that timeout(1) has for that), or somebody asked twice.
const (
	StatusTimeLimit = 124
	StatusForced    = 125
)

// force ends the VMM as pulling the plug would.
func (s *session) force(status int, why string) {
	s.forced = status
	s.note("%s: ending %s by force", why, s.vmm.Name)
	s.vmm.End()
}

// helperFailed reports a helper that ended. When the VM ends, its helpers end
// by themselves, perhaps first; and a VMM that cannot start says more itself.
func (s *session) helperFailed(h *child.Process) error {
	select {
	case <-s.vmm.Done():
		s.noteFailure(h) // for the message about a VMM that failed
		return nil
	case <-time.After(2 * time.Second):
	}
	s.vmm.End()
	return s.failure(h)
}

// note says something while the terminal may be raw: it starts a line of its
// own. A visitor's terminal is not where messages go, so it gets a copy.
func (s *session) note(format string, args ...any) {
	if s.visiting {
		s.Say(format, args...)
		s.terminal.Line("nixvf-boot: " + fmt.Sprintf(format, args...))
		return
	}
	s.terminal.Beside(func() { s.Say(format, args...) })
}
