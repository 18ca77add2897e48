package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// seen are the shared directories as they were when they were checked.
type seen map[string]fs.FileInfo

// checkUnchanged returns an error for a shared directory that has been replaced since, perhaps by
// a link to somewhere else.
func (s seen) checkUnchanged() error {
	var errs []error
	for path, before := range s {
		now, err := os.Stat(path)
		if err == nil && !os.SameFile(before, now) {
			err = errors.New("replaced since it was checked")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("share %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// seeShares looks at the shared directories that this run has made.
func (m *machine) seeShares() error {
	var errs []error
	for _, d := range config.FilterDevices[*config.VirtioFs](m.vm) {
		if m.shares[d.SharedDir] != nil {
			continue
		}
		info, err := os.Stat(d.SharedDir)
		if err != nil {
			errs = append(errs, fmt.Errorf("share %q: %w", d.MountTag, err))
		}
		m.shares[d.SharedDir] = info
	}
	return errors.Join(errs...)
}

const (
	// pollServed is how often a helper is looked at, until it serves something. A
	// guest may leave a share alone for long, or for ever: then it is looked at
	// less and less, down to once in rarelyServed, until the
	// helper ends with the VM.
	pollServed   = 20 * time.Millisecond
	rarelyServed = 200 * time.Millisecond
	// servesWrong is how often in a row that must have been something else: on
	// its way it may open other directories for a moment.
	servesWrong = 5
)

// checkServed ends a helper that serves another directory than the one that was
// checked, before a guest has found it.
func (s *session) checkServed(p *child.Process, h vmm.Helper, log *os.File) {
	pause := pollServed
	for times := 0; runtime.GOOS == "linux"; pause = nextLook(pause, times > 0) {
		right, wrong := serves(p.PID(), s.m.shares[h.Dir])
		if times++; !wrong {
			times = 0
		}
		switch {
		case right:
			return
		case times == servesWrong:
			fmt.Fprintf(log, "it does not serve %s, but another directory\n", h.Dir)
			p.End()
			return
		}
		select {
		case <-p.Done():
			return
		case <-time.After(pause):
		}
	}
}

// nextLook is how long to wait for the next look at a helper. It follows at once
// if the helper has something open.
func nextLook(pause time.Duration, open bool) time.Duration {
	if open {
		return pollServed
	}
	return min(pause+pause/4, rarelyServed)
}

// serves reports whether a process serves a directory, or another one: it holds
// open what it serves. It does neither until then.
func serves(pid int, dir fs.FileInfo) (right, wrong bool) {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		name, _ := os.Readlink(fd)
		info, err := os.Stat(fd)
		switch {
		case err != nil || !info.IsDir() || strings.HasPrefix(name, "/proc"):
		case os.SameFile(info, dir):
			return true, false
		default:
			wrong = true
		}
	}
	return false, wrong
}
