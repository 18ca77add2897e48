package boot

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/leash"
	"github.com/nixvf/nixvf/pkg/pipe"
)

// sessionConsole is the console of a VM that runs, and who has it. All but the
// output belongs to the goroutine that waits for the VM's end.
type sessionConsole struct {
	pty        *console.Pty
	output     console.Spread
	log        *os.File          // where it goes in the background, or at all
	outlet     *console.Outlet   // where anybody may open it, nil if that is not wanted
	terminal   *console.Terminal // whose keys go to the guest, nil while there is none
	brought    *os.File          // the file of a visitor's terminal
	tie        *console.Pty      // what a VMM without a console has as its stdin
	front      *leash.Keeper     // the process in front, nil in the background
	visiting   bool              // the front came later, and can go again
	visitors   chan visitor
	detach     chan struct{}         // the terminal's user wants to leave
	unread     atomic.Bool           // the output's reader went away
	lostOutput atomic.Pointer[error] // why output could not be written
	voice      voice                 // what is said on a terminal that may take nothing
	alarm
}

func newConsole(front *leash.Keeper) sessionConsole {
	return sessionConsole{
		front: front, visitors: make(chan visitor), detach: make(chan struct{}, 1), voice: newVoice(), alarm: newAlarm(),
	}
}

// openConsole makes the pseudo-terminal for a VMM that wants a terminal, and
// listens for visitors.
func (s *session) openConsole(cmd *exec.Cmd) (err error) {
	if !usesStdio(s.vm) {
		return s.tieTo(cmd)
	}
	switch {
	case s.wanted.LogFile != "":
		err = s.openConsoleLog(s.wanted.LogFile)
	case s.wanted.UsesPty:
		err = s.openOutlet()
	case s.Detach:
		err = s.openConsoleLog(s.place.Log("console"))
	}
	if err != nil {
		return err
	}
	if s.pty, err = console.NewPty(); err != nil {
		return err
	}
	s.pty.RequestLog = s.kind.RequestLog
	if terminal := s.firstTerminal(); terminal != nil {
		s.pty.Resize(terminal) // the VMM may look at it once only
	}
	cmd.Stdin, cmd.Stdout = s.pty.Slave(), s.pty.Slave()
	if !s.kind.TellsPanic {
		s.output.AfterSilence(panicSilence, s.lookForPanic)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.consoleSocket(), Net: "unix"})
	if err == nil {
		go s.receive(listener) // it ends with the process
	}
	return err
}

// consoleSocket is the name of the socket on which visitors come.
const consoleSocket = "console.sock"

// tieTo gives a VMM without a console a terminal all the same: package child
// binds its life to ours by that where there is no other way.
func (s *session) tieTo(cmd *exec.Cmd) (err error) {
	if s.tie, err = console.NewPty(); err == nil {
		cmd.Stdin = s.tie.Slave()
	}
	return err
}

func (s *session) consoleSocket() string { return filepath.Join(s.sockets, consoleSocket) }

// openConsoleLog lets the console's output be appended to a file from now on.
// It does not wait for somebody who reads a FIFO.
func (s *session) openConsoleLog(path string) (err error) {
	s.log, err = s.openShared(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return err
	}
	if runtime.GOOS == "darwin" { // where Go does not wait for a FIFO that is full
		_ = unix.SetNonblock(int(s.log.Fd()), false)
	}
	s.output.Add(&roomy{to: s.log, lost: s.logFull}, func(err error) { s.tell("warning: console log: %v", err) })
	return nil
}

// openOutlet lets anybody open the console by a name.
func (s *session) openOutlet() (err error) {
	if s.outlet, err = console.NewOutlet(); err != nil {
		return err
	}
	s.output.Add(s.outlet, func(error) {}) // it takes everything
	return nil
}

// where is the console's place, for others to find: a file or a
// pseudo-terminal; "" if it is on a terminal, or nowhere.
func (s *session) where() string {
	switch {
	case s.outlet != nil:
		return s.outlet.Name()
	case s.log != nil:
		return s.log.Name()
	}
	return ""
}

// connect joins the VM's console with whoever has it first: a file, an outlet,
// the terminal, or what stdout is. The channel is closed when all output has
// been passed on.
func (s *session) connect() <-chan struct{} {
	drained := make(chan struct{})
	if s.pty == nil {
		close(drained)
		return drained
	}
	terminal := s.firstTerminal()
	switch {
	case s.outlet != nil:
		go func() {
			// That it is closed, or the VM's end, is noticed elsewhere.
			_ = s.pty.Input(s.outlet, nil)
		}()
	case s.log != nil:
	case terminal != nil:
		s.Say("the console of %s; ctrl-] d leaves it running, ctrl-] . stops it, twice by force", s.place.ID)
		s.take(terminal)
	default:
		s.output.Add(s.Stdout, s.unwritable)
		go func() {
			if pipe.AwaitUnread(s.Stdout, s.process.Done()) {
				s.nobodyReads()
			}
		}()
	}
	if s.InputFile != "" {
		go s.feed()
	}
	go func() {
		s.pty.Output(&s.output)
		s.output.Flush()
		close(drained)
	}()
	return drained
}

// firstTerminal returns the terminal that has the console first, nil if none
// has.
func (s *session) firstTerminal() *console.Terminal {
	if s.outlet != nil || s.log != nil {
		return nil
	}
	return console.Find(s.Stdout)
}

// take gives the console to a terminal, unless the process in front is stopped:
// then the terminal is somebody else's until it goes on.
func (s *session) take(t *console.Terminal) {
	s.terminal = t
	failed := s.hungUp
	if s.visiting {
		failed = func(error) {} // then the front ends as well
	}
	if s.front.Show() {
		s.enter(t.Raw())
	} else {
		t.Suspend()
	}
	s.output.Add(t, failed)
}

// enter reads the keys of a terminal that has become raw.
func (s *session) enter(err error) {
	if err != nil {
		s.note("warning: terminal: %v", err)
	}
	s.resize() // what the guest draws anew for it is for this terminal
	keys := s.terminal.Keys()
	if keys == nil {
		return
	}
	go func() {
		// That the terminal is gone, or the VM, is noticed elsewhere.
		_ = s.pty.Input(keys, s.command)
		keys.Close()
	}()
}

// follow does to the terminal what the shell has done to the process in front:
// one that is stopped has no terminal.
func (s *session) follow() {
	switch {
	case s.terminal == nil:
	case s.front.Show():
		if !s.terminal.IsRaw() {
			s.enter(s.terminal.Resume())
		}
	case s.terminal.IsRaw():
		s.voice.settle()
		s.terminal.Suspend()
	}
	s.front.Followed()
}

// command does what an escape sequence asks for.
func (s *session) command(c console.Command) {
	switch c {
	case console.Stop:
		ask(s.requests.keys, "ctrl-] .")
	case console.Detach:
		s.detach <- struct{}{} // there is room: no key is read after it
	}
}

// resize gives the console its terminal's size, and lets the VMM know: QEMU
// passes it on to the guest, from the version on that can.
func (s *session) resize() {
	if s.terminal != nil {
		s.pty.Resize(s.terminal)
		_ = s.process.Signal(syscall.SIGWINCH) // who does not care ignores it
	}
}

// hide takes the console away from its terminal, which is as it was before.
func (s *session) hide() {
	if s.terminal == nil {
		return
	}
	s.voice.settle()
	s.output.Remove(s.terminal)
	s.terminal.Close()
	s.terminal = nil
	s.brought.Close() // of nil it is an error that nobody minds
	s.brought = nil
}

// hungUp asks for the end of a VM whose terminal is gone. What it printed after
// that is not missed.
func (s *session) hungUp(err error) {
	if !errors.Is(err, os.ErrClosed) { // by us
		ask(s.requests.lost, fmt.Sprintf("console: %v", err))
	}
}

// unwritable is what becomes of output that cannot be written.
func (s *session) unwritable(err error) {
	if errors.Is(err, syscall.EPIPE) {
		s.nobodyReads()
		return
	}
	if !errors.Is(err, os.ErrClosed) { // by us
		s.lostOutput.CompareAndSwap(nil, &err)
	}
	s.hungUp(err)
}

// nobodyReads asks for the end of a VM whose console went nowhere.
func (s *session) nobodyReads() {
	if !s.unread.Swap(true) {
		ask(s.requests.lost, "nobody reads the console")
	}
}

// drained is how long the console's output may be on its way, once the VMM has
// ended, to a terminal or a file that takes none of it.
const drained = 2 * time.Second

// drain passes on what the guest has printed last, as far as anybody takes it.
func (s *session) drain(done <-chan struct{}) {
	if s.pty != nil {
		s.pty.Ended()
	}
	hurried := s.limit != nil || s.forced != 0 // somebody wants the end
	for taken := s.output.Taken(); ; {
		select {
		case <-done:
			s.output.Close()
			return
		case <-s.requests.signals:
			hurried = true
		case <-time.After(drained):
		}
		now := s.output.Taken()
		if now == taken {
			s.cut(hurried)
		}
		taken = now
	}
}

// cut gives no more to those who take nothing. A program that reads our stdout
// may take its time, as with any other program, unless somebody wants the end.
func (s *session) cut(hurried bool) {
	var keep io.Writer
	if !hurried {
		keep = s.Stdout
	}
	for _, w := range s.output.RemoveBusy(keep) {
		if w == io.Writer(s.Stdout) {
			err := errors.New("nobody takes it")
			s.lostOutput.CompareAndSwap(nil, &err)
		}
	}
}

// sayRest says what was told while nobody waited for the VM's end any more.
func (s *session) sayRest() {
	for {
		select {
		case text := <-s.notes:
			s.note("%s", text)
		default:
			return
		}
	}
}

// announce prints where the console can be opened, and the names of further
// pseudo-terminals that the VMM made.
func (s *session) announce() {
	if s.outlet != nil && !s.Detach { // which prints it on stdout
		s.tell("console: %s", s.outlet.Name())
	}
	if !s.usesPty() {
		return
	}
	names, err := s.vmm.Terminals()
	for try := 0; try < 100 && len(names) == 0; try++ {
		select {
		case <-s.process.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		names, err = s.vmm.Terminals()
	}
	if len(names) == 0 {
		s.tell("warning: console: its pseudo-terminal cannot be found: %v", err)
	}
	for _, name := range names {
		s.tell("console: %s", name)
	}
}

// closeConsole ends all that openConsole began.
func (s *session) closeConsole() {
	s.hide()
	if s.pty != nil {
		s.pty.Close()
	}
	if s.tie != nil {
		s.tie.Close()
	}
	if s.outlet != nil {
		s.outlet.Close()
	}
	if s.log != nil {
		s.log.Close()
	}
}
