package boot

import (
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/qemu"
)

const (
	// roomLeast is how much room there must be for a guest to go on, in bytes.
	roomLeast = 16 << 20
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
	// pollPaused is how often vfkit is asked whether its VM is paused.
	pollPaused = 5 * time.Second
)

// guardDisks says which disk image cannot be read or written, and lets a guest
// that is paused for it go on as soon as that is possible.
func (s *session) guardDisks() {
	said := map[string]time.Time{}
	s.machine.vmm.watchDisks(s.vmm.Done(), func(e qemu.DiskError) {
		text := diskTrouble(e)
		switch {
		case e.Paused && s.stalled.Swap(true), time.Since(said[text]) < sameTrouble && !e.Paused:
			return
		case e.Paused:
			go s.resumeWithRoom(e)
		}
		said[text] = time.Now()
		s.tell("warning: %s", text)
	})
}

// diskTrouble says what is wrong, and what becomes of the guest.
func diskTrouble(e qemu.DiskError) string {
	disk := "a disk"
	if e.Image != "" {
		disk = "disk " + e.Image
	}
	doing := "reading"
	if e.Write {
		doing = "writing"
	}
	switch {
	case e.Full || e.Paused && e.Image != "" && !hasRoom(e.Image):
		return disk + ": its file system is full: the guest is paused, and goes on when there is room"
	case e.Paused:
		return fmt.Sprintf("%s: %s failed (%s): the guest is paused, and goes on when that works", disk, doing, e.Reason)
	}
	return fmt.Sprintf("%s: %s failed (%s), and the guest has been told", disk, doing, e.Reason)
}

// hasRoom reports whether the file system of an image has room; also where that
// cannot be known.
func hasRoom(image string) bool {
	var fs unix.Statfs_t
	err := unix.Statfs(image, &fs)
	return err != nil || uint64(fs.Bavail)*uint64(fs.Bsize) >= roomLeast
}

// resumeWithRoom lets the guest go on, again and again until it does.
func (s *session) resumeWithRoom(e qemu.DiskError) {
	for runs := 0; runs < resumedAfter; runs++ {
		select {
		case <-s.vmm.Done():
			return
		case <-time.After(resumeEvery):
		}
		if running, _ := s.machine.vmm.running(); running {
			continue
		}
		if runs = -1; e.Image == "" || hasRoom(e.Image) {
			_ = s.machine.vmm.resume() // what comes of it is seen at the next try
		}
	}
	s.stalled.Store(false)
	s.tell("the guest goes on")
}

// wake makes a guest hear a request to stop: it may be paused, or its processes
// stopped.
func (s *session) wake() {
	for _, p := range s.helpers {
		_ = p.Signal(syscall.SIGCONT)
	}
	_ = s.vmm.Signal(syscall.SIGCONT)
	if err := s.machine.vmm.resume(); err != nil && s.Verbose {
		s.tell("resume: %v", err)
	}
}

// stopLimit is how long the guest may take to stop.
func (s *session) stopLimit() time.Duration {
	if !s.stalled.Load() {
		return s.StopTimeout
	}
	limit := min(s.StopTimeout, pausedLimit)
	s.note("the guest is paused and cannot stop: in %v it is ended by force, unless there is room for its disk", limit)
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

// full returns the first image whose file system has no room, "" if all have.
func full(images []string) string {
	for _, path := range images {
		if !hasRoom(path) {
			return path
		}
	}
	return ""
}

// fullDisk is what a VMM may have ended for, nil if there is room.
func (m *machine) fullDisk() error {
	if path := full(m.written()); path != "" {
		return fmt.Errorf("disk %s: its file system is full", path)
	}
	return nil
}

// watchDisks reads QEMU's events on a control socket of their own.
func (v *qemuVMM) watchDisks(ended <-chan struct{}, failed func(qemu.DiskError)) {
	for {
		if mon, err := v.monitor(v.plan.Trouble); err == nil {
			defer mon.Close()
			_ = v.plan.DiskErrors(mon, failed) // which QEMU's end ends
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(pollRunning):
		}
	}
}

func (v *qemuVMM) resume() error {
	mon, err := v.monitor(v.plan.Monitor)
	if err != nil {
		return err
	}
	defer mon.Close()
	return mon.Resume()
}

// watchDisks asks vfkit for its VM's state: Virtualization.framework does not
// say which disk it is. A VM that somebody has paused has room on its disks.
func (v *vfkitVMM) watchDisks(ended <-chan struct{}, failed func(qemu.DiskError)) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(pollPaused):
		}
		image := full(v.images)
		if image == "" {
			continue
		}
		if state, _ := v.state(); state == "VirtualMachineStatePaused" || state == "VirtualMachineStateError" {
			failed(qemu.DiskError{Image: image, Write: true, Full: true, Paused: true})
		}
	}
}

// state is what vfkit calls its VM's state.
func (v *vfkitVMM) state() (string, error) {
	answer, err := callVfkit(v.rest, http.MethodGet, "/vm/state", "")
	return gjson.GetBytes(answer, "state").String(), err
}

func (v *vfkitVMM) resume() error {
	state, err := v.state()
	if err == nil && state == "VirtualMachineStatePaused" {
		_, err = callVfkit(v.rest, http.MethodPost, "/vm/state", `{"state": "Resume"}`)
	}
	return err
}
