package boot

import (
	"errors"
	"fmt"

	"github.com/nixvf/nixvf/pkg/roots"
)

// passRoots hands the roots on to the VMM, which may outlive us.
func (s *session) passRoots(kept *roots.Roots) {
	if err := errors.Join(kept.Heir(s.vmm.PID()), kept.Wait()); err != nil {
		s.tell("warning: %s", unkept(err))
	}
}

// unkept is the warning about a VM whose store paths have no roots.
func unkept(err error) string {
	return fmt.Sprintf("a garbage collection can take the VM's store paths away while it runs: %v", err)
}
