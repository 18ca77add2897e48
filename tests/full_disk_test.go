//go:build linux

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallState puts the trial's state on a file system of its own, of some MiB,
// and returns what makes it larger.
func (tr *trial) smallState(mib int) (grow func(mib int)) {
	tr.t.Helper()
	dir := filepath.Join(tr.dir, "state")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tr.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		tr.t.Skipf("a file system that can be full needs root: %v", err)
	}
	tr.t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return func(mib int) {
		tr.t.Helper()
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", mib)); err != nil {
			tr.t.Fatal(err)
		}
	}
}

const (
	paused = ": its file system is full: the guest is paused, and goes on when there is room"
	goesOn = "nixvf-boot: the guest goes on"
)

// TestFullDisk fills the host's disk under a guest that writes: it is paused, and
// goes on when there is room. Without room, a request to stop ends it soon.
func TestFullDisk(t *testing.T) {
	needGuest(t)
	if os.Getenv("NIXVF_FULL") == "" {
		t.Skip("takes minutes: tests/run --full does that")
	}
	tr := newTrial(t)
	grow := tr.smallState(64)
	s := onScreen(t, guestDocument(tr), tr.env, filepath.Join(bin, "nixvf-boot"))
	s.expect("nixvf-guest# ")
	s.press("dd if=/dev/zero of=/root/big bs=1M count=100 2>/dev/null; sync; echo wrote=$?\r")
	s.expect("nixvf-boot: warning: disk " + filepath.Join(tr.dir, "state"))
	s.expect(paused)
	grow(200)
	s.expect(goesOn)
	s.expect("wrote=0\r\n")
	s.press("dd if=/dev/zero of=/root/more bs=1M count=200 2>/dev/null; sync\r")
	s.expect(paused)
	start := time.Now()
	s.press("\x1d.")
	s.expect("the guest is paused and cannot stop: in 10s it is ended by force, unless there is room for its disk")
	s.expect("the guest did not stop within 10s: ending qemu by force")
	s.end(124)
	if d := time.Since(start); d > 40*time.Second {
		t.Errorf("it took %v to end", d)
	}
}
