package boot

import (
	"net"
	"os"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/accept"
	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/leash"
)

// visitor is a process that brings a terminal for the console.
type visitor struct {
	front *leash.Keeper
	file  *os.File
}

// receive waits for visitors.
func (c *guestConsole) receive(l *net.UnixListener) {
	accept.All(l.AcceptUnix, func(conn *net.UnixConn) { go c.admit(conn) }, nil)
}

// admit lets a visitor in that has brought a terminal.
func (c *guestConsole) admit(conn *net.UnixConn) {
	file, err := leash.Receive(conn)
	front := leash.Hold(conn, func(sig syscall.Signal) {
		if sig != syscall.SIGWINCH {
			_ = conn.CloseRead() // to it that is the front's end
			return
		}
		select {
		case c.requests.resized <- sig:
		default:
		}
	})
	if err != nil {
		front.Report(leash.Report{State: leash.Refused, Why: []string{err.Error()}})
		front.Release()
		return
	}
	c.visitors <- visitor{front, file}
}

// welcome gives the console to a visitor, if nobody has it.
func (c *guestConsole) welcome(v visitor) {
	terminal := console.Find(v.file)
	why := ""
	switch {
	case c.front != nil:
		why = "its console is on another terminal"
	case terminal == nil:
		why = "that is not a terminal"
	}
	if why != "" {
		v.front.Report(leash.Report{State: leash.Refused, Why: []string{why}})
		v.front.Release()
		v.file.Close()
		return
	}
	c.front, c.visiting, c.brought = v.front, true, v.file
	c.front.Report(leash.Report{State: leash.Attached, VM: c.m.describe("")})
	c.take(terminal)
}

// background lets the VM run on without anybody in front of it.
func (s *session) background() {
	if s.console.front == nil {
		if s.console.terminal != nil { // nixvf-boot was a job in the background when it began
			s.console.note("the VM cannot go to the background: nixvf-boot runs in the background already")
			s.console.retake()
		}
		return
	}
	if s.console.visiting {
		s.console.part(leash.Report{State: leash.Detached})
		return
	}
	log, err := s.openLog("nixvf-boot")
	if err == nil {
		reserve(log, logReserve)
		err = s.goBackground(log)
	}
	if err != nil {
		s.console.note("the VM cannot go to the background: %v", err)
		if s.console.terminal != nil {
			s.console.retake()
		}
	}
}

// retake gives the console to the terminal again, whose keys nobody reads any
// more.
func (c *guestConsole) retake() {
	c.hide()
	if terminal := console.Find(c.m.Stdout); terminal != nil {
		c.take(terminal)
	}
}

// goBackground leaves the terminal: what this process still has to say goes to
// its log.
func (s *session) goBackground(log *os.File) error {
	vm := s.m.describe("")
	if s.console.pty != nil {
		if s.console.where() == "" {
			if err := s.console.openLog(s.m.place.Log("console")); err != nil {
				return err
			}
		}
		vm.Console, vm.Sockets["console"] = s.console.where(), s.console.socket()
	}
	s.console.hide()
	if err := leash.Redirect(log); err != nil {
		return err
	}
	s.m.record.Background, s.m.record.Console = true, vm.Console
	s.m.keepRecord()
	s.console.part(leash.Report{State: leash.Running, VM: vm})
	return nil
}

// part takes leave of the process in front, if there is one.
func (c *guestConsole) part(last leash.Report) {
	c.hide()
	c.front.Report(last)
	c.front.Release()
	c.front, c.visiting = nil, false
}

// frontGone is what happens when the process in front ends by itself: who came
// later may go, with the first one the VM goes too.
func (s *session) frontGone() {
	if s.console.visiting {
		s.background()
		return
	}
	s.console.hide()                      // the shell has the terminal by now
	s.forced = 128 + int(syscall.SIGKILL) // as the front ended, for those who ask later
	s.pullPlug()
}

// pollRunning is how often a VMM is asked whether its VM runs already.
const pollRunning = 50 * time.Millisecond

// untilRunning returns a channel that is closed once the VM runs, nil if
// nobody waits for that.
func (s *session) untilRunning() <-chan struct{} {
	if !s.m.Detach {
		return nil
	}
	running := make(chan struct{})
	go func() {
		for {
			if yes, _ := s.m.vmm.Running(); yes {
				close(running)
				return
			}
			select {
			case <-s.process.Done():
				return
			case <-time.After(pollRunning):
			}
		}
	}()
	return running
}
