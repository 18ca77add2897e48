package boot

import (
	"errors"
	"fmt"
	"time"

	"github.com/nixvf/nixvf/pkg/fault"
)

const (
	// panicSilence is how long nothing has to follow a kernel's last words, to be
	// the last.
	panicSilence = 2 * time.Second
	// answerTime is how long a guest that was asked to shut down may take to show
	// that it lives. A kernel with panic=5 restarts after that.
	answerTime = 2 * time.Second
	// outputDelay is how long the console's output may be on its way to us.
	outputDelay = 100 * time.Millisecond
	// silentRestarts is how often in a row a VMM may tell of a restart while the
	// guest prints nothing, each time within silentRun. QEMU tells of one restart
	// three times, on a busy host four: firmware and kernel try several ways.
	silentRestarts = 12
	silentRun      = time.Minute
)

// alarm reports a guest that has panicked for good: it would wait with a core at
// 100 %, or restart and panic again, for ever. Its channel
// has room for one: the first ends the VM.
type alarm struct{ panics chan panicked }

// panicked is what is known of a panic. It is sure when the guest has started
// anew since, and otherwise only what the console shows.
type panicked struct {
	err  error
	sure bool
}

func newAlarm() alarm { return alarm{make(chan panicked, 1)} }

func (a alarm) raise(err error, sure bool) {
	select {
	case a.panics <- panicked{err, sure}:
	default:
	}
}

// panicError is the error of a guest that has panicked.
func panicError(reason string) error { return fmt.Errorf("the guest's kernel panicked: %s", reason) }

// lookForPanic is called when the console has become silent: no kernel says more
// after its last line.
func (s *session) lookForPanic() {
	if reason, ended, panicked := s.console.output.Panic(); panicked && ended {
		s.raise(panicError(reason), false)
	}
}

// suspect asks a guest that seems to have panicked to shut down: one that lives
// says something, or does it, and then the console showed something else.
func (s *session) suspect(p panicked) {
	s.panicked, s.alive, s.doubt = p, s.console.output.Written(), time.After(answerTime)
	go s.askGuest()
}

// afterPanic pulls the plug of a guest that has panicked. One that lives shuts
// down by itself.
func (s *session) afterPanic() error {
	s.doubt = nil
	if !s.panicked.sure && s.console.output.Written() > s.alive {
		s.console.note("warning: the console shows a kernel panic, but the guest runs on; it was asked to shut down")
		return nil
	}
	s.forced = 1
	s.pullPlug()
	return s.panicked.err
}

// watchRestarts looks at each restart of the guest, if the VMM reports them. After a
// panic, or after several restarts without output, the guest would restart for ever.
func (s *session) watchRestarts() {
	var silent int
	var written uint64
	start := time.Now()
	s.m.vmm.Watch(s.process.Done(), func() {
		time.Sleep(outputDelay)
		if reason, _, panicked := s.console.output.Panic(); panicked {
			s.raise(panicError(reason), true)
		}
		if s.console.output.Written() == written && time.Since(start) < silentRun {
			silent++ // or it is the same restart, of which QEMU tells more than once
		} else {
			silent = 0
			s.restarts.Add(1)
		}
		if silent == silentRestarts {
			s.raise(fault.Hint(errors.New("the guest restarts again and again, and prints nothing"),
				"a kernel that panics before it has loaded virtio_console, or whose console= is another one, cannot say so"), true)
		}
		written, start = s.console.output.Written(), time.Now()
	})
}
