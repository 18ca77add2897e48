package boot

import (
	"errors"
	"fmt"

	"github.com/nixvf/nixvf/pkg/roots"
)

// passRoots hands the roots on to the VMM, which may outlive us. The channel
// tells what went wrong with them, in a sentence.
func passRoots(kept *roots.Roots, vmm int) <-chan string {
	failed := make(chan string, 1)
	go func() {
		if err := errors.Join(kept.Heir(vmm), kept.Wait()); err != nil {
			failed <- unkept(err)
		}
	}()
	return failed
}

// unkept is the warning about a VM whose store paths have no roots.
func unkept(err error) string {
	return fmt.Sprintf("a garbage collection can take the VM's store paths away while it runs: %v", err)
}
