// Package link connects the two processes of a VM: its supervisor, which runs it,
// and a client, which is the shell's job and has the terminal. The supervisor has
// a session of its own, so no signal of the terminal or of a process group reaches
// it. Over the link it gets the client's signals, and it notices when the client
// is gone. To put the VM in the background, the supervisor releases the link.
//
// The link is a Unix socket. The supervisor gets signal numbers, one byte each;
// the client gets reports, one line of JSON each. A client that attaches later
// sends its terminal as a file descriptor (unix(7), SCM_RIGHTS). This package
// imports nothing of nixvf.
package link

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// State says what has become of the VM, or of the client.
type State string

const (
	Running  State = "running"  // the VM runs in the background from now on
	Refused  State = "refused"  // the client cannot have the console
	Attached State = "attached" // the client has the console
	Detached State = "detached" // the client no longer has it
	Followed State = "followed" // what the shell did to the client has been done to the terminal
	Ended    State = "ended"    // the VM has ended
)

// Report is what a supervisor says to a client.
type Report struct {
	State  State    `json:"state"`
	Why    []string `json:"why,omitempty"`    // a message a line
	Status int      `json:"status,omitempty"` // of a VM that has ended
	VM     VM       `json:"vm"`
}

// VM describes a VM in the background.
type VM struct {
	ID      string            `json:"id"`
	PID     int               `json:"pid"`     // TERM to it shuts the guest down
	Console string            `json:"console"` // file or pseudo-terminal, "" if there is none
	Sockets map[string]string `json:"sockets"` // paths, by purpose
}

// supervisorFD is the descriptor on which a supervisor finds its link.
const supervisorFD = 3

// Client is the supervisor's end of the link to a client. The methods of nil do
// nothing.
type Client struct {
	conn     *net.UnixConn
	gone     chan struct{}
	released sync.Once
	jobs     chan struct{} // the shell has stopped the client, or let it go on
	mu       sync.Mutex
	stopped  bool // the client is, or is about to be
	shown    bool // the supervisor uses the client's terminal
}

// Inherit returns the link on which this process was started. Each signal that
// comes over it is passed to signal.
func Inherit(signal func(syscall.Signal)) (*Client, error) {
	unix.CloseOnExec(supervisorFD)
	conn, err := connOf(os.NewFile(supervisorFD, "link"))
	if err != nil {
		return nil, err
	}
	return NewClient(conn, signal), nil
}

// NewClient returns the supervisor's end of a link on conn.
func NewClient(conn *net.UnixConn, signal func(syscall.Signal)) *Client {
	c := &Client{conn: conn, gone: make(chan struct{}), jobs: make(chan struct{}, 1)}
	go func() {
		defer close(c.gone)
		signals := bufio.NewReader(conn)
		for {
			b, err := signals.ReadByte()
			if err != nil {
				return
			}
			switch s := syscall.Signal(b); s {
			case syscall.SIGTSTP, syscall.SIGCONT:
				c.job(s == syscall.SIGTSTP)
			default:
				signal(s)
			}
		}
	}()
	return c
}

// job notes that the client is about to be stopped, or goes on. It waits for
// Followed only while its terminal is in use.
func (c *Client) job(stopped bool) {
	c.mu.Lock()
	c.stopped = stopped
	shown := c.shown
	c.mu.Unlock()
	if !shown {
		c.Followed()
		return
	}
	select {
	case c.jobs <- struct{}{}:
	default:
	}
}

// Jobs tells that the shell has stopped the client, or let it go on.
func (c *Client) Jobs() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.jobs
}

// Show reports whether the supervisor may use the client's terminal, and that it
// does from now on.
func (c *Client) Show() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = true
	return !c.stopped
}

// Followed tells the client that the terminal is as the shell wants it.
func (c *Client) Followed() { c.Report(Report{State: Followed}) }

// Gone is closed when the client has ended, or the link was released.
func (c *Client) Gone() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.gone
}

// Report says something to the client. That nobody hears it is no error: a
// front may end at any time, and then Gone tells.
func (c *Client) Report(r Report) {
	if c != nil {
		_ = json.NewEncoder(c.conn).Encode(r)
	}
}

// Release gives the link up.
func (c *Client) Release() {
	if c != nil {
		c.released.Do(func() { c.conn.Close() })
	}
}

// ReceiveTerminal returns the file that a client brought along.
func ReceiveTerminal(conn *net.UnixConn) (*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, flags, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return nil, errors.New("the nixvf-boot that runs it has no file descriptors left")
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("no terminal was handed over")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("no terminal was handed over")
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

// Redirect makes log the standard output and error of this process, which has
// left the terminal. Stdin was a document, and has been read.
func Redirect(log *os.File) error {
	for fd := 1; fd <= 2; fd++ {
		if err := unix.Dup2(int(log.Fd()), fd); err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
	return nil
}

// connOf makes a connection of a socket's file, which it closes.
func connOf(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the link is not a Unix socket")
	}
	return c, nil
}
