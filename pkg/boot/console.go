package boot

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/leash"
)

// sessionConsole is the console of a VM that runs, and who has it. All but the
// output belongs to the goroutine that waits for the VM's end.
type sessionConsole struct {
	pty      *console.Pty
	output   console.Spread
	log      *os.File          // where it goes in the background
	terminal *console.Terminal // whose keys go to the guest, nil while there is none
	front    *leash.Keeper     // the process in front, nil in the background
	visiting bool              // the front came later, and can go again
	visitors chan visitor
	detach   chan struct{} // the terminal's user wants to leave
	unread   atomic.Bool   // the output's reader went away
}

// visitor is a process that brings a terminal for the console.
type visitor struct {
	front *leash.Keeper
	file  *os.File
}

func newConsole(front *leash.Keeper) sessionConsole {
	return sessionConsole{front: front, visitors: make(chan visitor), detach: make(chan struct{}, 1)}
}

// openConsole makes the pseudo-terminal for a VMM that wants a terminal, and
// listens for visitors.
func (s *session) openConsole(cmd *exec.Cmd) (err error) {
	if !usesStdio(s.vm) {
		return nil
	}
	if s.Detach {
		if err := s.openConsoleLog(); err != nil {
			return err
		}
	}
	if s.pty, err = console.NewPty(); err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = s.pty.Slave(), s.pty.Slave()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.consoleSocket(), Net: "unix"})
	if err == nil {
		go s.receive(listener) // it ends with the process
	}
	return err
}

func (s *session) consoleSocket() string {
	return filepath.Join(s.place.Sockets(s.UID), "console.sock")
}

// openConsoleLog lets the console's output go to its log from now on.
func (s *session) openConsoleLog() (err error) {
	if s.log == nil {
		s.log, err = os.OpenFile(s.place.Log("console"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		s.output.Add(s.log, func(err error) { s.Warn("console log: %v", err) })
	}
	return nil
}

// connect joins the VM's console with whoever has it first: the background's
// log, the terminal, or what stdout is. The channel is closed when all output
// has been passed on.
func (s *session) connect() <-chan struct{} {
	drained := make(chan struct{})
	if s.pty == nil {
		close(drained)
		return drained
	}
	terminal := console.Find(s.Stdout)
	switch {
	case s.Detach:
	case terminal != nil:
		s.Say("the console of %s; ctrl-] d leaves it running, ctrl-] . stops it, twice by force", s.place.ID)
		s.show(terminal)
	default:
		s.output.Add(s.Stdout, s.unwritable)
		go console.Unread(s.Stdout, s.nobodyReads)
	}
	go func() {
		s.pty.Output(&s.output)
		close(drained)
	}()
	return drained
}

// show gives the console to a terminal.
func (s *session) show(t *console.Terminal) {
	s.pty.Resize(t)
	if err := t.Raw(); err != nil {
		s.Warn("terminal: %v", err)
	}
	s.terminal = t
	failed := s.unwritable
	if s.visiting {
		failed = func(error) {} // then the front ends as well
	}
	s.output.Add(t, failed)
	go func() {
		// That the terminal is gone, or the VM, is noticed elsewhere.
		_ = s.pty.Input(t, s.command)
	}()
}

// command does what an escape sequence asks for.
func (s *session) command(c console.Command) {
	switch c {
	case console.Stop:
		s.requests.ask("ctrl-] .")
	case console.Detach:
		s.detach <- struct{}{} // there is room: no key is read after it
	}
}

// resize gives the console its terminal's size.
func (s *session) resize() {
	if s.terminal != nil {
		s.pty.Resize(s.terminal)
	}
}

// hide takes the console away from its terminal, which is as it was before.
func (s *session) hide() {
	if s.terminal != nil {
		s.output.Remove(s.terminal)
		s.terminal.Restore()
		s.terminal = nil
	}
}

// background lets the VM run on without anybody in front of it.
func (s *session) background() {
	if s.front == nil {
		return
	}
	if s.visiting {
		s.part(leash.Report{State: leash.Detached})
		return
	}
	log, err := s.openLog("nixvf-boot")
	if err == nil {
		err = s.goBackground(log)
	}
	if err != nil {
		s.note("the VM cannot go to the background: %v", err)
		if s.terminal != nil { // whose keys nobody reads any more
			terminal := s.terminal
			s.hide()
			s.show(terminal)
		}
	}
}

// goBackground leaves the terminal: what this process still has to say goes to
// its log.
func (s *session) goBackground(log *os.File) error {
	vm := s.machine.describe(s.logFile())
	if s.pty != nil {
		if err := s.openConsoleLog(); err != nil {
			return err
		}
		vm.Console, vm.Sockets["console"] = s.log.Name(), s.consoleSocket()
	}
	s.hide()
	if err := leash.Redirect(log); err != nil {
		return err
	}
	s.part(leash.Report{State: leash.Running, VM: vm})
	return nil
}

// part takes leave of the process in front, if there is one.
func (s *session) part(last leash.Report) {
	s.hide()
	s.front.Report(last)
	s.front.Release()
	s.front, s.visiting = nil, false
}

// frontGone is what happens when the process in front ends by itself: who came
// later may go, with the first one the VM goes too.
func (s *session) frontGone() {
	if s.visiting {
		s.background()
		return
	}
	s.forced = 128 + int(syscall.SIGKILL) // as the front ended, for those who ask later
	s.vmm.End()
}

// receive waits for visitors.
func (s *session) receive(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			file, err := leash.Receive(conn)
			if err != nil {
				conn.Close()
				return
			}
			front := leash.Hold(conn, func(sig syscall.Signal) {
				if sig != syscall.SIGWINCH {
					_ = conn.CloseRead() // to it that is the front's end
					return
				}
				select {
				case s.requests.resized <- sig:
				default:
				}
			})
			s.visitors <- visitor{front, file}
		}()
	}
}

// welcome gives the console to a visitor, if nobody has it.
func (s *session) welcome(v visitor) {
	terminal := console.Find(v.file)
	why := ""
	switch {
	case s.front != nil:
		why = "its console is on another terminal"
	case terminal == nil:
		why = "that is no terminal"
	}
	if why != "" {
		v.front.Report(leash.Report{State: leash.Refused, Why: []string{why}})
		v.front.Release()
		v.file.Close()
		return
	}
	s.front, s.visiting = v.front, true
	s.front.Report(leash.Report{State: leash.Attached, VM: s.machine.describe("")})
	s.show(terminal)
}

// pollRunning is how often a VMM is asked whether its VM runs already.
const pollRunning = 50 * time.Millisecond

// untilRunning returns a channel that is closed once the VM runs, nil if
// nobody waits for that.
func (s *session) untilRunning() <-chan struct{} {
	if !s.Detach {
		return nil
	}
	running := make(chan struct{})
	go func() {
		for {
			if yes, _ := s.machine.vmm.running(); yes {
				close(running)
				return
			}
			select {
			case <-s.vmm.Done():
				return
			case <-time.After(pollRunning):
			}
		}
	}()
	return running
}

// unwritable is what becomes of output that cannot be written.
func (s *session) unwritable(err error) {
	if errors.Is(err, syscall.EPIPE) {
		s.nobodyReads()
	} else {
		s.requests.ask(fmt.Sprintf("console: %v", err))
	}
}

// nobodyReads asks for the end of a VM whose console went nowhere.
func (s *session) nobodyReads() {
	if !s.unread.Swap(true) {
		s.requests.ask("nobody reads the console")
	}
}

// announce prints the names of the pseudo-terminals that the VMM made.
func (s *session) announce() {
	if !s.usesPty() {
		return
	}
	names, err := s.machine.vmm.terminals()
	for try := 0; try < 100 && len(names) == 0; try++ {
		select {
		case <-s.vmm.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		names, err = s.machine.vmm.terminals()
	}
	if len(names) == 0 {
		s.Warn("console: its pseudo-terminal cannot be found: %v", err)
	}
	for _, name := range names {
		s.Say("console: %s", name)
	}
}

// closeConsole ends all that openConsole began.
func (s *session) closeConsole() {
	s.hide()
	if s.pty != nil {
		s.pty.Close()
	}
	if s.log != nil {
		s.log.Close()
	}
}
