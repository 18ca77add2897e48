// Package leash joins a VM's keeper, the process that runs it, with the process
// in front of it, which is the shell's job. The keeper is in a session of its
// own, where no signal of the terminal or of a process group reaches it; over
// the leash it gets those that came to the front, and it notices when the front
// is gone. Letting the leash go is all that it takes to put the VM in the
// background.
//
// The leash is a Unix socket: to the keeper go signals' numbers, a byte each,
// to the front reports, a line of JSON each. A front that comes later brings
// its terminal along as a file descriptor (unix(7), SCM_RIGHTS). This package
// imports nothing of nixvf.
package leash

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

// State says what has become of the VM, or of the front.
type State string

const (
	Running  State = "running"  // the VM runs in the background from now on
	Refused  State = "refused"  // the front cannot have the console
	Attached State = "attached" // the front has the console
	Detached State = "detached" // it has no longer
	Followed State = "followed" // what the shell did to the front has been done to the terminal
	Ended    State = "ended"    // the VM has ended
)

// Report is what a keeper says to a front.
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

// keeperFD is the descriptor on which a keeper finds its leash.
const keeperFD = 3

// Keeper is the keeper's end of a leash. On nil, its methods do nothing.
type Keeper struct {
	conn     *net.UnixConn
	gone     chan struct{}
	released sync.Once
	jobs     chan struct{} // the shell has stopped the front, or let it go on
	mu       sync.Mutex
	stopped  bool // the front is, or is about to be
	shown    bool // the keeper uses the front's terminal
}

// Held returns the leash on which this process was started. Each signal that
// comes over it is passed to signal.
func Held(signal func(syscall.Signal)) (*Keeper, error) {
	unix.CloseOnExec(keeperFD)
	conn, err := connOf(os.NewFile(keeperFD, "leash"))
	if err != nil {
		return nil, err
	}
	return Hold(conn, signal), nil
}

// Hold returns the keeper's end of a leash on conn.
func Hold(conn *net.UnixConn, signal func(syscall.Signal)) *Keeper {
	k := &Keeper{conn: conn, gone: make(chan struct{}), jobs: make(chan struct{}, 1)}
	go func() {
		defer close(k.gone)
		signals := bufio.NewReader(conn)
		for {
			b, err := signals.ReadByte()
			if err != nil {
				return
			}
			switch s := syscall.Signal(b); s {
			case syscall.SIGTSTP, syscall.SIGCONT:
				k.job(s == syscall.SIGTSTP)
			default:
				signal(s)
			}
		}
	}()
	return k
}

// job notes that the front is about to be stopped, or goes on. It waits for
// Followed only while its terminal is in use.
func (k *Keeper) job(stopped bool) {
	k.mu.Lock()
	k.stopped = stopped
	shown := k.shown
	k.mu.Unlock()
	if !shown {
		k.Followed()
		return
	}
	select {
	case k.jobs <- struct{}{}:
	default:
	}
}

// Jobs tells that the shell has stopped the front, or let it go on.
func (k *Keeper) Jobs() <-chan struct{} {
	if k == nil {
		return nil
	}
	return k.jobs
}

// Show reports whether the keeper may use the front's terminal, and that it
// does from now on.
func (k *Keeper) Show() bool {
	if k == nil {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shown = true
	return !k.stopped
}

// Followed tells the front that the terminal is as the shell wants it.
func (k *Keeper) Followed() { k.Report(Report{State: Followed}) }

// Gone is closed when the front has ended, or the leash was let go.
func (k *Keeper) Gone() <-chan struct{} {
	if k == nil {
		return nil
	}
	return k.gone
}

// Report says something to the front. That nobody hears it is no error: a
// front may end at any time, and then Gone tells.
func (k *Keeper) Report(r Report) {
	if k != nil {
		_ = json.NewEncoder(k.conn).Encode(r)
	}
}

// Release lets the leash go.
func (k *Keeper) Release() {
	if k != nil {
		k.released.Do(func() { k.conn.Close() })
	}
}

// Receive returns the file that a front brought along.
func Receive(conn *net.UnixConn) (*os.File, error) {
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
		return nil, errors.New("the leash is not a Unix socket")
	}
	return c, nil
}
