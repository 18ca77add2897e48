package boot

import (
	"fmt"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/vmm"
)

const (
	// resumeEvery is how often a paused guest is tried.
	resumeEvery = time.Second
	// resumedAfter is in how many tries in a row a guest runs that goes on.
	resumedAfter = 3
	// pausedLimit is how long a guest that is paused for want of room may take to
	// stop: it does not hear that it should.
	pausedLimit = 10 * time.Second
	// sameTrouble is how long a disk's error is not said again.
	sameTrouble = time.Minute
	// logReserve is how much room is kept for what is said in the background, also
	// about a disk that is full, in bytes.
	logReserve = 64 << 10
)

// guardDisks says which disk image cannot be read or written, and lets a guest
// that is paused for it go on as soon as that is possible.
func (s *session) guardDisks() {
	said := map[string]time.Time{}
	s.m.vmm.WatchDisks(s.process.Done(), func(e vmm.DiskError) {
		text := diskTrouble(e)
		switch {
		case e.Paused && s.stalled.Swap(true), time.Since(said[text]) < sameTrouble && !e.Paused:
			return
		case e.Paused:
			go s.resumeWithRoom(e)
		}
		said[text] = time.Now()
		s.console.tell("warning: %s", text)
	})
}

// diskTrouble says what is wrong, and what becomes of the guest.
func diskTrouble(e vmm.DiskError) string {
	disk := "a disk"
	if e.Image != "" {
		disk = "disk " + e.Image
	}
	doing := "reading"
	if e.Write {
		doing = "writing"
	}
	switch {
	case e.Full || e.Paused && e.Image != "" && !vmm.HasRoom(e.Image):
		return disk + ": its file system is full: the guest is paused, and goes on when there is room"
	case e.Paused:
		return fmt.Sprintf("%s: %s failed (%s): the guest is paused, and goes on when that works", disk, doing, e.Reason)
	}
	return fmt.Sprintf("%s: %s failed (%s), and the guest has been told", disk, doing, e.Reason)
}

// resumeWithRoom lets the guest go on, again and again until it does.
func (s *session) resumeWithRoom(e vmm.DiskError) {
	for runs := 0; runs < resumedAfter; runs++ {
		select {
		case <-s.process.Done():
			return
		case <-time.After(resumeEvery):
		}
		if running, _ := s.m.vmm.Running(); running {
			continue
		}
		if runs = -1; e.Image == "" || vmm.HasRoom(e.Image) {
			_ = s.m.vmm.Resume() // what comes of it is seen at the next try
		}
	}
	s.stalled.Store(false)
	s.console.tell("the guest goes on")
}

// wake makes a guest hear a request to stop: it may be paused, or its processes
// stopped.
func (s *session) wake() {
	for _, p := range s.helpers {
		_ = p.Signal(syscall.SIGCONT)
	}
	_ = s.process.Signal(syscall.SIGCONT)
	if err := s.m.vmm.Resume(); err != nil && s.m.Verbose {
		s.console.tell("resume: %v", err)
	}
}

// stopLimit is how long the guest may take to stop.
func (s *session) stopLimit() time.Duration {
	if !s.stalled.Load() {
		return s.m.StopTimeout
	}
	limit := min(s.m.StopTimeout, pausedLimit)
	s.console.note("the guest is paused and cannot shut down: it will be forced in %v, unless its disk gets room", limit)
	return limit
}

// written returns the paths of the images that the guest writes to.
func (m *machine) written() []string {
	var paths []string
	for _, d := range m.images() {
		if !d.ReadOnly {
			paths = append(paths, d.ImagePath)
		}
	}
	return paths
}

// fullDisk is what a VMM may have ended for, nil if there is room.
func (m *machine) fullDisk() error {
	if path := vmm.Full(m.written()); path != "" {
		return fmt.Errorf("disk %s: its file system is full", path)
	}
	return nil
}
