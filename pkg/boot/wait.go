package boot

import (
	"errors"
	"fmt"
	"time"

	"github.com/nixvf/nixvf/pkg/child"
)

// askAgain is how often the guest is asked to stop: a guest that is still
// booting does not hear the first time.
const askAgain = 2 * time.Second

// wait returns when the VMM has ended. A first request asks the guest to shut
// down; a second one of a person's, or the time limit, ends the VMM by force. A
// console that is lost asks once: that comes just before or after a signal, when
// a terminal is closed, or at ^C to a whole pipeline.
func (s *session) wait() error {
	var limit, again <-chan time.Time
	patience := s.StopTimeout
	running := s.untilRunning()
	asked := false
	for {
		why, person := "", true // who asks for the VM's end
		select {
		case <-s.vmm.Done():
			return nil
		case h := <-s.failed:
			return s.helperFailed(h)
		case err := <-s.panics:
			s.forced = 1
			s.vmm.End()
			return err
		case <-limit:
			if rest := s.StopTimeout - patience; rest > 0 && !s.stalled.Load() { // it goes on by now
				patience, limit = s.StopTimeout, time.After(rest)
				continue
			}
			s.force(StatusTimeLimit, fmt.Sprintf("the guest did not stop within %v", patience))
			return nil
		case <-again:
			go s.askGuest()
			again = time.After(askAgain)
		case sig := <-s.requests.signals:
			why = sig.String()
		case why = <-s.requests.keys:
		case why = <-s.requests.lost:
			person = false
		case <-running:
			running = nil
			s.background()
		case <-s.detach:
			s.background()
		case <-s.front.Gone():
			s.frontGone()
		case v := <-s.visitors:
			s.welcome(v)
		case <-s.requests.resized:
			s.resize()
		case text := <-s.notes:
			s.note("%s", text)
		}
		switch first := limit == nil; {
		case why == "", !person && !first:
		case person && asked:
			s.force(StatusForced, "asked twice")
			return nil
		default:
			asked = asked || person
			s.note("%s: asking the guest to stop; once more forces it", why)
			if first {
				go s.askGuest()
				patience = s.stopLimit()
				limit, again = time.After(patience), time.After(askAgain)
			}
		}
	}
}

// askGuest has the VMM ask the guest to stop. That the VMM refuses to is said
// once; that it cannot be reached yet only to who wants to know more.
func (s *session) askGuest() {
	s.wake()
	err := s.machine.vmm.stop()
	var refused refusal
	switch {
	case errors.As(err, &refused):
		s.refused.Do(func() {
			s.tell("%s does not ask the guest to stop: %s; it is ended by force after %v, or at once when you ask again",
				s.machine.vmm.name(), refused, s.StopTimeout)
		})
	case err != nil && s.Verbose:
		s.tell("stop: %v", err)
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

// tell has something said by the goroutine that waits for the VM's end, to which
// the terminal belongs.
func (s *session) tell(format string, args ...any) { s.notes <- fmt.Sprintf(format, args...) }

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
