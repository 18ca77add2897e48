//go:build linux

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSandbox looks at the QEMU of a real guest: the kernel filters its system
// calls, and the guest comes up and goes down.
func TestSandbox(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	s := onScreen(t, guestDocument(tr), tr.env, filepath.Join(bin, "nixvf-boot"))
	s.expect("nixvf-guest# ")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", awaitProcess(t, "qemu-system-", tr.mark())))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "\nSeccomp:\t2\n") { // filters (proc_pid_status(5))
		t.Errorf("QEMU runs without a sandbox: %s", status)
	}
	s.press("poweroff\r")
	s.end(0)
}
