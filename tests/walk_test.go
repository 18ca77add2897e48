//go:build linux

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// walker is what TestWalk tries: which limits of open files a host has, and how
// many files of the store a guest walks through.
type walker struct {
	limits []int
	files  int
	walks  []string
	free   bool // nothing bounds the guest
}

// allWalks are what a guest does that looks at every file of the store.
var allWalks = []string{"find %s", "du -s %s", "find %s -type f -exec cat {} +", "grep -r y %s", "nix-store --verify --check-contents"}

// newWalker reads NIXVF_WALK, LIMIT,...:FILES[:free], with which tests/bench asks
// for more than a test has time for.
func newWalker(t *testing.T) walker {
	text := os.Getenv("NIXVF_WALK")
	if text == "" {
		return walker{limits: []int{4096}, files: 8000, walks: allWalks[:3]}
	}
	words := strings.Split(text, ":")
	w := walker{files: number(t, words[1]), walks: allWalks, free: len(words) > 2}
	for _, limit := range strings.Split(words[0], ",") {
		w.limits = append(w.limits, number(t, limit))
	}
	if os.Getenv("NIXVF_BENCH_STORE") == "private" { // so that little else is there to collect
		w.walks = append(slices.Clone(w.walks), "nix-collect-garbage")
	}
	return w
}

// TestWalk has a guest walk through more files of the store than its host can
// hold open: nothing in the guest fails, and the host keeps some room.
func TestWalk(t *testing.T) {
	needGuest(t)
	w := newWalker(t)
	tr := newTrial(t)
	store := tr.manyFiles(w.files)
	document := guestDocument(tr)
	for _, limit := range w.limits {
		var hard unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &hard); err != nil || hard.Max < uint64(limit) {
			t.Logf("limit %d: no, this host lets nobody have more than %d open files", limit, hard.Max)
			continue
		}
		tr.walk(w, document, store, limit)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// manyFiles makes a directory of the store that holds as many files.
func (tr *trial) manyFiles(files int) (dir string) {
	tr.t.Helper()
	dir = fmt.Sprintf("/nix/store/%032d-many-%d", os.Getpid(), files)
	tr.t.Cleanup(func() { os.RemoveAll(dir) })
	for i := range files {
		sub := filepath.Join(dir, strconv.Itoa(i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				tr.t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, strconv.Itoa(i%100)), []byte("x\n"), 0o444); err != nil {
			tr.t.Fatal(err)
		}
	}
	return dir
}

// walk boots a guest on a host that lets a process have only so many files open.
func (tr *trial) walk(w walker, document, dir string, limit int) {
	t := tr.t
	s := onScreen(t, document, tr.env, "bash", "-c", fmt.Sprintf("ulimit -n %d; exec %s/nixvf-boot", limit, bin))
	s.expect("nixvf-guest# ")
	if w.free {
		s.press("kill $(cat /run/host-files)\r")
		s.expect("nixvf-guest# ")
	}
	server := tr.storeServer()
	for _, walk := range w.walks {
		s.press("echo 3 >/proc/sys/vm/drop_caches; echo dropped=$?\r")
		s.expect("dropped=0\r\n")
		peak, end := watchFiles(server)
		start := time.Now()
		walk = strings.ReplaceAll(walk, "%s", dir)
		s.press("(" + walk + ") >/dev/null 2>/run/said; cat /etc/passwd /bin/busybox >/dev/null; echo walked=$?\r")
		s.expectWithin("walked=0\r\n", patience+time.Duration(w.files)*10*time.Millisecond)
		took := time.Since(start)
		end()
		t.Logf("limit %d: %.1f s, peak %d: %s", limit, took.Seconds(), peak.Load(), strings.ReplaceAll(walk, dir, "MANY"))
		s.press("grep -c 'Too many open files' /run/said; echo counted=$?\r")
		s.expect("counted=1\r\n") // none
		if most := int64(limit) * 9 / 10; !w.free && peak.Load() > most {
			t.Errorf("limit %d: %d files are open on the host", limit, peak.Load())
		}
	}
	s.press("poweroff\r")
	s.end(0)
}

// storeServer returns the process that serves the store to the trial's VM.
func (tr *trial) storeServer() int {
	tr.t.Helper()
	for _, pid := range slices.Backward(processes(tr.t, "virtiofsd", tr.mark())) { // it has a child, which serves
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(cmdline), "/nix/store\x00") {
			return pid
		}
	}
	tr.t.Fatal("nobody serves the store")
	return 0
}

// watchFiles counts the files that a process has open, until the end.
func watchFiles(pid int) (peak *atomic.Int64, end func()) {
	peak = new(atomic.Int64)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if info, err := os.Stat(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
				peak.Store(max(peak.Load(), info.Size()))
			}
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(done); <-ended }
}
