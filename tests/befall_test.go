//go:build linux

package tests

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mishaps are what befalls a VM for a moment, and what it must survive.
var mishaps = []struct {
	name string
	make func(tr *trial, s *screen, random *rand.Rand) (end func())
}{
	{"nothing", func(*trial, *screen, *rand.Rand) func() { return func() {} }},
	{"a frozen terminal", func(_ *trial, s *screen, _ *rand.Rand) func() {
		s.frozen.Store(true)
		return func() { s.frozen.Store(false) }
	}},
	{"a full disk", (*trial).fillDisk},
	{"no descriptors", (*trial).exhaust},
	{"a stopped process", (*trial).stopOne},
}

// befall has a mishap befall a VM for up to two seconds, and returns which.
func (tr *trial) befall(s *screen, random *rand.Rand) string {
	kind := mishaps[random.IntN(len(mishaps))]
	pause := time.Duration(random.IntN(2000)) * time.Millisecond
	end := kind.make(tr, s, random)
	time.Sleep(pause)
	end()
	return kind.name
}

// fillDisk takes all the room that is left for the trial's state.
func (tr *trial) fillDisk(*screen, *rand.Rand) func() {
	path := filepath.Join(tr.dir, "state", "filler")
	fill(tr.t, path)
	return func() { os.Remove(path) }
}

// exhaust lets none of the nixvf-boots that run the VM have one more descriptor.
func (tr *trial) exhaust(*screen, *rand.Rand) func() {
	before := map[int]unix.Rlimit{}
	for _, pid := range processes(tr.t, "nixvf-boot", tr.mark()) {
		var old unix.Rlimit
		if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old) != nil {
			continue // it has ended
		}
		_ = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}, nil)
		before[pid] = old
	}
	return func() {
		for pid, old := range before {
			_ = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil)
		}
	}
}

// stopOne stops one of the VM's processes.
func (tr *trial) stopOne(_ *screen, random *rand.Rand) func() {
	pids := processes(tr.t, "", tr.mark())
	if len(pids) == 0 {
		return func() {}
	}
	pid := pids[random.IntN(len(pids))]
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	return func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
}
