package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/link"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/roots"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// session is a VM that runs: its processes, its console and its logs.
type session struct {
	m        *machine
	console  *guestConsole
	requests *requests
	process  *child.Process // the VMM's
	helpers  []*child.Process
	link     *network.Link       // to the guest's sshd, nil where that is on vsock
	failed   chan *child.Process // a helper that ended first
	logs     []*os.File
	stalled  atomic.Bool  // the guest is paused for want of room for a disk
	restarts atomic.Int32 // how often the guest has restarted
	forced   int          // the exit status when it was ended by force, else 0
	refused  sync.Once    // the VMM does not ask the guest to stop, and that is said
	started  time.Time
	stopping
	alarm
}

// run starts the VM, waits for its end and takes everything down again.
func (m *machine) run(l *locks, kept *roots.Roots, n *ownNetwork, r *requests) (status int, err error) {
	s := &session{m: m, console: newConsole(m, r), requests: r, failed: make(chan *child.Process, 1), alarm: newAlarm()}
	defer s.close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.findAddress(ctx, func(a netip.Addr) { s.console.tell("the guest's address is %v", a) })
	if err := s.start(l, n); err != nil {
		return 1, err
	}
	m.record.Started, m.record.Console = s.started, s.console.where()
	m.keepRecord()
	go s.passRoots(kept)
	drained := s.console.connect()
	go s.announce()
	go s.tellVsock()
	go s.tellTrouble()
	go s.watchRestarts()
	go s.guardDisks()
	go debug.FreeOSMemory() // what the start took, to make a disk for one
	err = s.wait()
	s.console.drain(drained, s.limit != nil || s.forced != 0)
	s.console.sayRest()
	status, err = s.outcome(err)
	s.console.part(link.Report{State: link.Ended, Status: status, Why: fault.Lines(err)})
	return status, err
}

// start starts the helpers and the VMM.
func (s *session) start(l *locks, n *ownNetwork) error {
	for _, h := range s.m.vmm.Helpers() {
		if err := s.startHelper(h); err != nil {
			return err
		}
	}
	if err := s.m.vmm.ServeVsock(); err != nil {
		return err
	}
	s.m.vmm.ClearSockets()
	log, err := s.openLog(s.m.kind.Name)
	if err != nil {
		return err
	}
	argv := s.m.vmm.Command()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = log
	if n != nil {
		cards, err := s.m.vmm.Attach(n.Network)
		defer closeAll(cards)
		if err != nil {
			return err
		}
		cmd.ExtraFiles = cards
	}
	if card, err := s.attachLink(); err != nil {
		return err
	} else if card != nil {
		defer card.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, card)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, l.files()...)
	if err := s.console.open(cmd); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	if s.console.pty != nil && !s.m.kind.TellsPanic {
		s.console.output.AfterSilence(panicSilence, s.lookForPanic)
	}
	if s.m.Verbose {
		s.m.Say("starting %s", strings.Join(argv, " "))
		s.m.Say("its log is %s", log.Name())
	}
	s.started = time.Now()
	s.console.output.Begin(s.started)
	s.process, err = child.Start(s.m.kind.Name, cmd)
	s.console.process = s.process
	return err
}

// startHelper starts a helper on a socket that listens already, so that the
// VMM need not wait for it.
func (s *session) startHelper(h vmm.Helper) error {
	log, err := s.openLog(h.Name)
	if err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.Socket, Net: "unix"})
	if err != nil {
		return err
	}
	// The helper's copy alone keeps the socket listening, so that nobody waits
	// for a helper that died. Its name goes with the directory.
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer file.Close()
	cmd := exec.Command(h.Argv[0], h.Argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{file}
	p, err := child.Start(h.Name, cmd)
	if err != nil {
		return err
	}
	s.helpers = append(s.helpers, p)
	go s.checkServed(p, h, log)
	go func() {
		<-p.Done()
		s.noteFailure(p)
	}()
	return nil
}

// noteFailure keeps the first helper that ended, which is the one to blame.
func (s *session) noteFailure(h *child.Process) {
	select {
	case s.failed <- h:
	default:
	}
}

// openLog returns the log file of a process, emptied at the first use.
func (s *session) openLog(name string) (*os.File, error) {
	path := s.m.place.Log(name)
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND | unix.O_NOFOLLOW
	for _, f := range s.logs {
		if f.Name() == path {
			return f, nil
		}
	}
	f, err := os.OpenFile(path, flags|os.O_TRUNC, 0o600)
	if err == nil {
		s.logs = append(s.logs, f)
	}
	return f, err
}

// close ends what still runs.
func (s *session) close() {
	if s.link != nil {
		defer s.link.Close()
	}
	if s.process != nil {
		s.process.End()
		s.m.vmm.ClearSockets()
	}
	for _, h := range s.helpers {
		h.End()
	}
	s.console.close()
	closeAll(s.logs)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// outcome turns the VMM's end into an exit status. A failure that nobody asked
// for is explained with the last lines of the VMM's log.
func (s *session) outcome(err error) (int, error) {
	status := s.process.Status()
	reason, _, panicked := s.console.output.Panic()
	switch {
	case s.console.unread.Load():
		return 128 + int(syscall.SIGPIPE), nil
	case err != nil && s.forced != 0:
		return s.forced, errors.Join(err, s.lastLines())
	case err != nil:
		return max(status, 1), err
	case s.forced != 0:
		return s.forced, nil
	case status == 0 && s.console.lostOutput.Load() != nil:
		return 1, fmt.Errorf("console: cannot write its output: %w", *s.console.lostOutput.Load())
	case status == 0:
		return 0, nil
	case panicked: // and QEMU has ended for it
		return status, errors.Join(panicError(reason), s.lastLines())
	}
	err = endOf(s.process.Name, status, s.m.place.Log(s.process.Name), s.m.vmm.Explain)
	select {
	case h := <-s.failed: // perhaps that is why; one that is content has only lost its VMM
		if h.Status() != 0 {
			err = errors.Join(s.failure(h), err)
		}
	default:
	}
	return status, errors.Join(s.m.fullDisk(), err, s.lastLines())
}

// lastLines is what the guest printed last, one error a line: a guest that
// panicked has said why.
func (s *session) lastLines() error {
	var errs []error
	for _, line := range console.Lines(s.console.output.Tail(), 5) {
		errs = append(errs, fmt.Errorf("console: %s", line))
	}
	return errors.Join(errs...)
}

// failure is the error of a helper that ended before the VM did.
func (s *session) failure(h *child.Process) error {
	words, _ := lastWords(s.m.place.Log(h.Name), nothingKnown)
	return fmt.Errorf("%s ended with status %d%s", h.Name, h.Status(), words)
}
