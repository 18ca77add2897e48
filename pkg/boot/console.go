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

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/link"
	"github.com/nixvf/nixvf/pkg/pipe"
)

// guestConsole is the console of a VM that runs, who has it, and what is said
// beside it. All but output and tell belongs to the goroutine that waits for the
// VM's end.
type guestConsole struct {
	m          *machine
	requests   *requests
	process    *child.Process // the VMM's, once it runs
	pty        *console.Pty
	output     console.Spread
	log        *os.File          // where it goes in the background, or at all
	outlet     *console.Outlet   // where anybody may open it, nil if that is not wanted
	terminal   *console.Terminal // whose keys go to the guest, nil while there is none
	brought    *os.File          // the file of an attached client's terminal
	tie        *console.Pty      // what a VMM without a console has as its stdin
	client     *link.Client      // whose terminal has the console, nil in the background
	attached   bool              // the client came later, and can leave again
	attaching  chan attachment
	detach     chan struct{}         // the terminal's user wants to leave
	unread     atomic.Bool           // the output's reader went away
	lostOutput atomic.Pointer[error] // why output could not be written
	notes      chan string           // what others have to say
	voice      voice                 // what is said on a terminal that may take nothing
}

func newConsole(m *machine, r *requests) *guestConsole {
	return &guestConsole{
		m: m, requests: r, client: m.Client, attaching: make(chan attachment), detach: make(chan struct{}, 1),
		notes: make(chan string, 16), voice: newVoice(),
	}
}

// open makes the pseudo-terminal for a VMM that wants a terminal, and
// listens for clients that attach.
func (c *guestConsole) open(cmd *exec.Cmd) (err error) {
	if !usesStdio(c.m.vm) {
		return c.tieTo(cmd)
	}
	switch {
	case c.m.wanted.LogFile != "":
		err = c.openLog(c.m.wanted.LogFile)
	case c.m.wanted.UsesPty:
		err = c.openOutlet()
	case c.m.Detach:
		err = c.openLog(c.m.place.Log("console"))
	}
	if err != nil {
		return err
	}
	if c.pty, err = console.NewPty(); err != nil {
		return err
	}
	c.pty.RequestLog = c.m.kind.RequestLog
	if terminal := c.firstTerminal(); terminal != nil {
		c.pty.Resize(terminal) // the VMM may look at it once only
	}
	cmd.Stdin, cmd.Stdout = c.pty.Slave(), c.pty.Slave()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.socket(), Net: "unix"})
	if err == nil {
		go c.receive(listener) // it ends with the process
	}
	return err
}

// consoleSocket is the name of the socket where clients attach.
const consoleSocket = "console.sock"

// tieTo gives a VMM without a console a terminal all the same: package child
// binds its life to ours by that where there is no other way.
func (c *guestConsole) tieTo(cmd *exec.Cmd) (err error) {
	if c.tie, err = console.NewPty(); err == nil {
		cmd.Stdin = c.tie.Slave()
	}
	return err
}

// socket is the path of the socket where clients attach.
func (c *guestConsole) socket() string { return filepath.Join(c.m.sockets, consoleSocket) }

// openLog lets the console's output be appended to a file from now on.
// It does not wait for somebody who reads a FIFO.
func (c *guestConsole) openLog(path string) (err error) {
	c.log, err = c.m.openShared(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return err
	}
	if runtime.GOOS == "darwin" { // where Go does not wait for a FIFO that is full
		_ = unix.SetNonblock(int(c.log.Fd()), false)
	}
	c.output.Add(&roomy{to: c.log, lost: c.logFull}, func(err error) { c.tell("warning: console log: %v", err) })
	return nil
}

// openOutlet lets anybody open the console by a name.
func (c *guestConsole) openOutlet() (err error) {
	if c.outlet, err = console.NewOutlet(); err != nil {
		return err
	}
	c.output.Add(c.outlet, func(error) {}) // it takes everything
	return nil
}

// where is the console's place, for others to find: a file or a
// pseudo-terminal; "" if it is on a terminal, or nowhere.
func (c *guestConsole) where() string {
	switch {
	case c.outlet != nil:
		return c.outlet.Name()
	case c.log != nil:
		return c.log.Name()
	}
	return ""
}

// connect joins the VM's console with whoever has it first: a file, an outlet,
// the terminal, or what stdout is. The channel is closed when all output has
// been passed on.
func (c *guestConsole) connect() <-chan struct{} {
	drained := make(chan struct{})
	if c.pty == nil {
		close(drained)
		return drained
	}
	terminal := c.firstTerminal()
	switch {
	case c.outlet != nil:
		go func() {
			// That it is closed, or the VM's end, is noticed elsewhere.
			_ = c.pty.Input(c.outlet, nil)
		}()
	case c.log != nil:
	case terminal != nil:
		c.m.Say("console of %s; ctrl-] d leaves it running, ctrl-] . shuts it down, twice forces it", c.m.place.ID)
		c.take(terminal)
	default:
		c.output.Add(c.m.Stdout, c.unwritable)
		go func() {
			if pipe.AwaitUnread(c.m.Stdout, c.process.Done()) {
				c.nobodyReads()
			}
		}()
	}
	if c.m.InputFile != "" {
		go c.feed()
	}
	go func() {
		c.pty.Output(&c.output)
		c.output.Flush()
		close(drained)
	}()
	return drained
}

// firstTerminal returns the terminal that has the console first, nil if none
// has.
func (c *guestConsole) firstTerminal() *console.Terminal {
	if c.outlet != nil || c.log != nil {
		return nil
	}
	return console.Find(c.m.Stdout)
}

// take gives the console to a terminal, unless the client is stopped:
// then the terminal is somebody else's until it goes on.
func (c *guestConsole) take(t *console.Terminal) {
	c.terminal = t
	failed := c.hungUp
	if c.attached {
		failed = func(error) {} // then the client ends as well
	}
	if c.client.Show() {
		c.enter(t.Raw())
	} else {
		t.Suspend()
	}
	c.output.Add(t, failed)
}

// enter reads the keys of a terminal that has become raw.
func (c *guestConsole) enter(err error) {
	if err != nil {
		c.note("warning: terminal: %v", err)
	}
	c.resize() // the guest redraws for this terminal
	keys := c.terminal.Keys()
	if keys == nil {
		return
	}
	go func() {
		// That the terminal is gone, or the VM, is noticed elsewhere.
		_ = c.pty.Input(keys, c.command)
		keys.Close()
	}()
}

// follow does to the terminal what the shell has done to the client:
// one that is stopped has no terminal.
func (c *guestConsole) follow() {
	switch {
	case c.terminal == nil:
	case c.client.Show():
		if !c.terminal.IsRaw() {
			c.enter(c.terminal.Resume())
		}
	case c.terminal.IsRaw():
		c.voice.settle()
		c.terminal.Suspend()
	}
	c.client.Followed()
}

// command does what an escape sequence asks for.
func (c *guestConsole) command(what console.Command) {
	switch what {
	case console.Stop:
		ask(c.requests.keys, "ctrl-] .")
	case console.Detach:
		c.detach <- struct{}{} // there is room: no key is read after it
	}
}

// resize gives the console its terminal's size, and lets the VMM know: QEMU
// passes it on to the guest, from the version on that can.
func (c *guestConsole) resize() {
	if c.terminal != nil {
		c.pty.Resize(c.terminal)
		_ = c.process.Signal(syscall.SIGWINCH) // a VMM that has no use for it ignores it
	}
}

// hide takes the console away from its terminal, which is as it was before.
func (c *guestConsole) hide() {
	if c.terminal == nil {
		return
	}
	c.voice.settle()
	c.output.Remove(c.terminal)
	c.terminal.Close()
	c.terminal = nil
	c.brought.Close() // of nil it is an error that nobody minds
	c.brought = nil
}

// hungUp asks for the end of a VM whose terminal is gone. What it printed after
// that is not missed.
func (c *guestConsole) hungUp(err error) {
	if !errors.Is(err, os.ErrClosed) { // by us
		ask(c.requests.lost, fmt.Sprintf("console: %v", err))
	}
}

// unwritable is what becomes of output that cannot be written.
func (c *guestConsole) unwritable(err error) {
	if errors.Is(err, syscall.EPIPE) {
		c.nobodyReads()
		return
	}
	if !errors.Is(err, os.ErrClosed) { // by us
		c.lostOutput.CompareAndSwap(nil, &err)
	}
	c.hungUp(err)
}

// nobodyReads asks for the end of a VM whose console went nowhere.
func (c *guestConsole) nobodyReads() {
	if !c.unread.Swap(true) {
		ask(c.requests.lost, "nobody reads the console")
	}
}

// drained is how long the console's output may be on its way, once the VMM has
// ended, to a terminal or a file that takes none of it.
const drained = 2 * time.Second

// drain passes on what the guest has printed last, as far as anybody takes it;
// hurried means that somebody wants the end.
func (c *guestConsole) drain(done <-chan struct{}, hurried bool) {
	if c.pty != nil {
		c.pty.Ended()
	}
	for taken := c.output.Taken(); ; {
		select {
		case <-done:
			c.output.Close()
			return
		case <-c.requests.signals:
			hurried = true
		case <-time.After(drained):
		}
		now := c.output.Taken()
		if now == taken {
			c.cut(hurried)
		}
		taken = now
	}
}

// cut gives no more to those who take nothing. A program that reads our stdout
// may take its time, as with any other program, unless somebody wants the end.
func (c *guestConsole) cut(hurried bool) {
	var keep io.Writer
	if !hurried {
		keep = c.m.Stdout
	}
	for _, w := range c.output.RemoveBusy(keep) {
		if w == io.Writer(c.m.Stdout) {
			err := errors.New("nothing accepts it")
			c.lostOutput.CompareAndSwap(nil, &err)
		}
	}
}

// close ends all that open began.
func (c *guestConsole) close() {
	c.hide()
	if c.pty != nil {
		c.pty.Close()
	}
	if c.tie != nil {
		c.tie.Close()
	}
	if c.outlet != nil {
		c.outlet.Close()
	}
	if c.log != nil {
		c.log.Close()
	}
	c.voice.end()
}
