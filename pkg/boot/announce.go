package boot

import "time"

// announce prints where the console can be opened, and the names of further
// pseudo-terminals that the VMM made.
func (s *session) announce() {
	if s.console.outlet != nil && !s.m.Detach { // which prints it on stdout
		s.console.tell("console: %s", s.console.outlet.Name())
	}
	if !s.m.usesPty() {
		return
	}
	names, err := s.m.vmm.Terminals()
	for try := 0; try < 100 && len(names) == 0; try++ {
		select {
		case <-s.process.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		names, err = s.m.vmm.Terminals()
	}
	if len(names) == 0 {
		s.console.tell("warning: console: its pseudo-terminal cannot be found: %v", err)
	}
	for _, name := range names {
		s.console.tell("console: %s", name)
	}
}
