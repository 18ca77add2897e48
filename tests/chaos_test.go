//go:build linux

package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// chaosRounds is how many VMs TestChaos starts, one after another, on one disk.
const chaosRounds = 50

// deadly are signals that end, or ask for the end of, whoever gets one.
var deadly = []syscall.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGKILL, syscall.SIGKILL,
	syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGUSR1, syscall.SIGPIPE,
}

// TestChaos kills nixvf-boot, QEMU or a helper at a random moment with a random
// signal, after something has befallen the VM. NIXVF_SEED repeats a run.
func TestChaos(t *testing.T) {
	needGuest(t)
	if os.Getenv("NIXVF_FULL") == "" {
		t.Skip("takes minutes: tests/run --full does that")
	}
	seed, err := strconv.ParseUint(os.Getenv("NIXVF_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("NIXVF_SEED=%d repeats this run", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	tr := newTrial(t)
	smallDisk(t, filepath.Join(tr.dir, "state"), 400)
	document := guestDocument(tr)
	boot := filepath.Join(bin, "nixvf-boot")
	ends := map[string]int{}
	for round := range chaosRounds {
		s := onScreen(t, document, tr.env, boot, "--stop-timeout", "30s")
		delay := time.Duration(random.IntN(6000)) * time.Millisecond
		if round%2 == 0 { // a guest that has come up, and so has cleared what was left, and writes to its disk
			s.expect("nixvf-guest# ")
			s.press("while dd if=/dev/zero of=/root/$((n++ % 20)) bs=64k count=8; do sync; done 2>/dev/null\r")
			delay /= 4
		}
		time.Sleep(delay)
		befell := tr.befall(s, random)
		kind := []string{"nixvf-boot", "qemu-system-", "virtiofsd"}[random.IntN(3)]
		sig := deadly[random.IntN(len(deadly))]
		killed := tr.kill(random, kind, sig)
		what := fmt.Sprintf("VM %d, %s, then %v to %s after %v", round, befell, sig, kind, delay)
		if !killed {
			what += ", of which there was none"
		}
		ends[tr.awaitEnd(s, what)]++
		expectNone(t, tr.mark())
		s.expectRestored()
		tr.expectWholeDisk(what)
		tr.expectInPlace(what)
		if t.Failed() {
			t.Fatalf("%s; the screen holds %q", what, s.text())
		}
	}
	t.Logf("of %d VMs: %v", chaosRounds, ends)
	s := onScreen(t, document, tr.env, boot)
	s.expect("nixvf-guest# ")
	s.press("poweroff\r")
	s.end(0)
	tr.expectClean("the last VM")
}

// kill sends a signal to one of the trial's processes with the given name.
func (tr *trial) kill(random *rand.Rand, kind string, sig syscall.Signal) bool {
	tr.t.Helper()
	pids := processes(tr.t, kind, tr.mark())
	if len(pids) == 0 {
		return false
	}
	err := syscall.Kill(pids[random.IntN(len(pids))], sig)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		tr.t.Fatal(err)
	}
	return err == nil
}

// awaitEnd waits for the end of a VM that was hit, and says how it came. One
// that lives on, because the signal hit nobody or somebody who ignores it, is
// asked to stop.
func (tr *trial) awaitEnd(s *screen, what string) string {
	tr.t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = await(s.cmd) // how it ends is up to the signal
		close(ended)
	}()
	for _, step := range []struct {
		how  string
		sig  syscall.Signal
		wait time.Duration
	}{{"ended by itself", 0, 8 * time.Second}, {"ended when asked", syscall.SIGTERM, patience}} {
		if step.sig != 0 {
			tr.signal("nixvf-boot", step.sig)
		}
		select {
		case <-ended:
			return step.how
		case <-time.After(step.wait):
		}
	}
	tr.t.Errorf("%s: it does not end", what)
	tr.signal("", syscall.SIGKILL)
	<-ended
	return "never ended"
}

// expectInPlace checks that what a kill has left lies in the VM's own directory.
func (tr *trial) expectInPlace(what string) {
	tr.t.Helper()
	own, err := filepath.Glob(filepath.Join(tr.dir, "state/nixvf/darwinVM-*"))
	if err != nil || len(own) != 1 {
		tr.t.Fatalf("%s: state directories %q, %v", what, own, err)
	}
	known := []string{"flake", "launch.json", "cache", "tmp", "state", "state/nixvf", "state/nixvf/.disks"}
	err = filepath.WalkDir(tr.dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(tr.dir, path)
		switch {
		case path == own[0], slices.Contains([]string{"flake", "cache", "state/nixvf/.disks"}, name):
			return filepath.SkipDir
		case name != "." && !slices.Contains(known, name):
			tr.t.Errorf("%s: %s is left", what, name)
		}
		return err
	})
	if err != nil {
		tr.t.Error(err)
	}
}
