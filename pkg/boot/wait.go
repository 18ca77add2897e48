package boot

import (
	"errors"
	"fmt"
	"time"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// askAgain is how often the guest is asked to stop: a guest that is still
// booting does not hear the first time.
const askAgain = 2 * time.Second

// askInsideAfter is how long a guest may take to hear the power button.
const askInsideAfter = 5 * time.Second

// stopping is how far the VM's end is on its way.
type stopping struct {
	limit, again <-chan time.Time
	inside       <-chan time.Time // when the guest is asked by ssh
	patience     time.Duration    // until limit
	asked        bool             // by a person
	panicked     panicked
	alive        uint64           // what the guest had printed when it was asked whether it lives
	doubt        <-chan time.Time // until when it can show that it does
}

// wait returns when the VMM has ended. A first request asks the guest to shut
// down; a second one of a person's, or the time limit, ends the VMM by force. A
// console that is lost asks once: that comes just before or after a signal, when
// a terminal is closed, or at ^C to a whole pipeline.
//
// Nothing in here waits for a terminal.
func (s *session) wait() error {
	running := s.untilRunning()
	for {
		why, person := "", true // who asks for the VM's end
		select {
		case <-s.process.Done():
			return nil
		case h := <-s.failed:
			return s.helperFailed(h)
		case p := <-s.panics:
			s.suspect(p)
		case <-s.doubt:
			if err := s.afterPanic(); err != nil {
				return err
			}
		case <-s.limit:
			if s.timeIsUp() {
				return nil
			}
		case <-s.again:
			go s.askGuest()
			s.again = time.After(askAgain)
		case <-s.inside:
			go s.askInside()
		case sig := <-s.requests.signals:
			why = sig.String()
		case why = <-s.requests.keys:
		case why = <-s.requests.lost:
			person = false
		case <-s.requests.told:
			why, person = "nixvf-boot stop", false
		case <-running:
			running = nil
			s.background()
		case <-s.console.detach:
			s.background()
		case <-s.console.client.Gone():
			s.clientGone()
		case <-s.console.client.Jobs():
			s.console.follow()
		case v := <-s.console.attaching:
			s.console.welcome(v)
		case <-s.requests.resized:
			s.console.resize()
		case text := <-s.console.notes:
			s.console.note("%s", text)
		}
		if why != "" && s.request(why, person) {
			return nil
		}
	}
}

// request does what somebody asks for, and reports whether that was the VM's end
// by force.
func (s *session) request(why string, person bool) (forced bool) {
	switch first := s.limit == nil; {
	case !person && !first:
	case person && s.asked:
		s.force(instance.StatusForced, "asked twice")
		return true
	default:
		s.asked = s.asked || person
		if first {
			go s.askGuest()
			s.patience = s.stopLimit()
			s.limit, s.again = time.After(s.patience), time.After(askAgain)
			s.inside = time.After(min(askInsideAfter, s.patience/2))
		}
		s.console.note("%s: asking the guest to shut down; ask again to force it", why)
	}
	return false
}

// timeIsUp ends the VMM by force, and reports that, unless the guest could not
// hear for a while and has some time left since.
func (s *session) timeIsUp() bool {
	if rest := s.m.StopTimeout - s.patience; rest > 0 && !s.stalled.Load() { // it goes on by now
		s.patience, s.limit = s.m.StopTimeout, time.After(rest)
		return false
	}
	s.force(instance.StatusTimeLimit, fmt.Sprintf("the guest did not stop within %v", s.patience))
	return true
}

// askGuest has the VMM ask the guest to stop. That the VMM refuses to is said
// once; that it cannot be reached yet only to who wants to know more.
func (s *session) askGuest() {
	s.wake()
	err := s.m.vmm.Stop()
	var refused vmm.Refusal
	switch {
	case errors.As(err, &refused):
		s.refused.Do(func() {
			s.console.tell("%s does not ask the guest to stop: %s; it is told to every %v, and ends by force after %v, or at once when you ask again",
				s.m.kind.Name, refused, askAgain, s.m.StopTimeout)
		})
	case err != nil && s.m.Verbose:
		s.console.tell("stop: %v", err)
	}
}

// force ends the VMM as pulling the plug would.
func (s *session) force(status int, why string) {
	s.forced = status
	s.console.note("%s: ending %s by force", why, s.process.Name)
	s.pullPlug()
}

// haltTime is how long the VMM may take to end a VM by force, before it is
// killed.
const haltTime = 2 * time.Second

// pullPlug has the VMM end the VM at once, and kills it if it does not.
func (s *session) pullPlug() {
	refused := make(chan error, 1)
	go func() {
		if err := s.m.vmm.Halt(); err != nil {
			refused <- err
		}
	}()
	select {
	case <-s.process.Done():
	case <-refused:
	case <-time.After(haltTime):
	}
	// On macOS the exit of a session's leader waits until what it printed has been
	// read (xnu, bsd/kern/kern_exit.c, ttywait).
	defer time.AfterFunc(drained, func() { s.console.output.RemoveBusy(nil) }).Stop()
	s.process.End()
}

// helperFailed returns an error for a helper that ended. When the VM ends, its helpers end
// by themselves, perhaps first; and a VMM that cannot start says more itself.
func (s *session) helperFailed(h *child.Process) error {
	select {
	case <-s.process.Done():
		s.noteFailure(h) // for the message about a VMM that failed
		return nil
	case <-time.After(2 * time.Second):
	}
	s.process.End()
	return s.failure(h)
}
