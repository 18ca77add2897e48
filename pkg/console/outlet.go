package console

import (
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Outlet is a console for whoever opens it: a pseudo-terminal of which we hold
// both sides. The guest never waits for a reader. What nobody has read within a
// second is dropped: it may hold questions to the terminal, and one who comes
// later has no answers that anybody waits for.
type Outlet struct {
	master, slave *os.File // the slave is ours too, or the first visitor that leaves would end it all
	fds           [2]int
	pieces        chan []byte
	wake          [2]*os.File // a pipe whose end ends the wait for keys
	closing, done chan struct{}
}

const (
	// stale is how long output waits for a reader.
	stale = time.Second
	// lastWords is how long the last output waits, once the guest has ended.
	lastWords = 100 * time.Millisecond
	// unreadMost is from how many bytes on output waits outside the terminal. As
	// much again has to fit into it, and to be gone when it is flushed.
	unreadMost = 512
	// piecesMost is how many pieces of output wait beside that for a reader that is
	// slower than the guest.
	piecesMost = 64
)

// NewOutlet returns an outlet. Close it when the guest has ended.
func NewOutlet() (*Outlet, error) {
	master, slave, err := openTransparent()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		master.Close()
		slave.Close()
		return nil, err
	}
	o := &Outlet{
		master: master, slave: slave, fds: [2]int{int(master.Fd()), int(slave.Fd())}, wake: [2]*os.File{r, w},
		pieces: make(chan []byte, piecesMost), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if err := unix.SetNonblock(o.fds[0], true); err != nil {
		o.closeFiles()
		return nil, os.NewSyscallError("fcntl", err)
	}
	go o.pass()
	return o, nil
}

// Name returns the name to open.
func (o *Outlet) Name() string { return o.slave.Name() }

// Close ends the outlet for those that have it open.
func (o *Outlet) Close() {
	close(o.closing)
	<-o.done
	o.closeFiles()
}

func (o *Outlet) closeFiles() {
	o.wake[1].Close()
	o.master.Close()
	o.slave.Close()
}

// Write offers output to whoever has opened the outlet. It never waits.
func (o *Outlet) Write(p []byte) (int, error) {
	select {
	case o.pieces <- slices.Clone(p):
	default:
	}
	return len(p), nil
}

// pass passes output on.
func (o *Outlet) pass() {
	defer close(o.done)
	var late <-chan time.Time
	for {
		select {
		case p := <-o.pieces:
			o.write(p, stale)
			late = time.After(stale)
		case <-late:
			late = nil
			o.drop()
		case <-o.closing:
			for len(o.pieces) > 0 {
				o.write(<-o.pieces, lastWords)
			}
			time.Sleep(lastWords) // what is read after the end is lost
			return
		}
	}
}

// write writes output as fast as it is read. When nothing is read for as long as
// patience lasts, all that waits is dropped.
func (o *Outlet) write(p []byte, patience time.Duration) {
	o.silence()
	for len(p) > 0 {
		if !o.await(unreadMost, patience) {
			o.drop()
			return
		}
		n, err := unix.Write(o.fds[0], p[:min(len(p), unreadMost)])
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			return
		}
		p = p[max(n, 0):]
	}
}

// await waits until less than most waits to be read.
func (o *Outlet) await(most int, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); o.unread() >= most; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// unread is how much waits to be read, in bytes.
func (o *Outlet) unread() int {
	n, _ := unix.IoctlGetInt(o.fds[1], getUnread)
	return n
}

// drop drops all that waits to be read.
func (o *Outlet) drop() {
	for len(o.pieces) > 0 {
		<-o.pieces
	}
	_ = flushInput(o.fds[1])
}

// silence switches off an echo that a visitor left behind: the guest would get
// its own output as input.
func (o *Outlet) silence() {
	modes, err := unix.IoctlGetTermios(o.fds[1], getModes)
	if err == nil && modes.Lflag&unix.ECHO != 0 {
		modes.Lflag &^= unix.ECHO | unix.ECHONL
		_ = unix.IoctlSetTermios(o.fds[1], setModes, modes)
	}
}

// Read waits for keys of whoever has opened the outlet, until it is closed.
func (o *Outlet) Read(p []byte) (int, error) {
	for {
		_, woken, err := readable(o.fds[0], int(o.wake[0].Fd()), -1)
		if err != nil || woken {
			return 0, io.EOF
		}
		n, err := unix.Read(o.fds[0], p)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		return max(n, 0), err
	}
}

// More reports whether there are keys within d, or no more at all.
func (o *Outlet) More(d time.Duration) bool {
	ready, woken, err := readable(o.fds[0], int(o.wake[0].Fd()), d)
	return ready || woken || err != nil
}
