package boot

import (
	"errors"

	"github.com/nixvf/nixvf/pkg/roots"
)

// passRoots hands the roots on to the VMM, which may outlive us.
func (s *session) passRoots(kept *roots.Roots) {
	if err := errors.Join(kept.Heir(s.process.PID()), kept.Wait()); err != nil {
		s.console.tell("warning: a garbage collection can take the VM's store paths away while it runs: %v", err)
	}
}
