package boot

import (
	"net"
	"os"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/accept"
	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/link"
)

// attachment is a client that attaches, with its terminal.
type attachment struct {
	client *link.Client
	file   *os.File
}

// receive waits for clients that attach.
func (c *guestConsole) receive(l *net.UnixListener) {
	accept.All(l.AcceptUnix, func(conn *net.UnixConn) { go c.admit(conn) }, nil)
}

// admit lets a client attach that has brought a terminal.
func (c *guestConsole) admit(conn *net.UnixConn) {
	file, err := link.ReceiveTerminal(conn)
	client := link.NewClient(conn, func(sig syscall.Signal) {
		if sig != syscall.SIGWINCH {
			_ = conn.CloseRead() // which the client takes for the end
			return
		}
		select {
		case c.requests.resized <- sig:
		default:
		}
	})
	if err != nil {
		client.Report(link.Report{State: link.Refused, Why: []string{err.Error()}})
		client.Release()
		return
	}
	c.attaching <- attachment{client, file}
}

// welcome gives the console to a client that attaches, if nobody has it.
func (c *guestConsole) welcome(a attachment) {
	terminal := console.Find(a.file)
	why := ""
	switch {
	case c.client != nil:
		why = "its console is on another terminal"
	case terminal == nil:
		why = "that is not a terminal"
	}
	if why != "" {
		a.client.Report(link.Report{State: link.Refused, Why: []string{why}})
		a.client.Release()
		a.file.Close()
		return
	}
	c.client, c.attached, c.brought = a.client, true, a.file
	c.client.Report(link.Report{State: link.Attached, VM: c.m.describe("")})
	c.take(terminal)
}

// background lets the VM run on without anybody in front of it.
func (s *session) background() {
	if s.console.client == nil {
		if s.console.terminal != nil { // nixvf-boot was a job in the background when it began
			s.console.note("the VM cannot go to the background: nixvf-boot runs in the background already")
			s.console.retake()
		}
		return
	}
	if s.console.attached {
		s.console.part(link.Report{State: link.Detached})
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
	if err := link.Redirect(log); err != nil {
		return err
	}
	s.m.record.Background, s.m.record.Console = true, vm.Console
	s.m.keepRecord()
	s.console.part(link.Report{State: link.Running, VM: vm})
	return nil
}

// part takes leave of the client, if there is one.
func (c *guestConsole) part(last link.Report) {
	c.hide()
	c.client.Report(last)
	c.client.Release()
	c.client, c.attached = nil, false
}

// clientGone is what happens when the client ends by itself: who came
// later may go, with the first one the VM goes too.
func (s *session) clientGone() {
	if s.console.attached {
		s.background()
		return
	}
	s.console.hide()                      // the shell has the terminal by now
	s.forced = 128 + int(syscall.SIGKILL) // as the client ended, for those who ask later
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
