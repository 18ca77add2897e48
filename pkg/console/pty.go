package console

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Pty is the VM's console: a pseudo-terminal of which the VMM has one side.
type Pty struct {
	master, slave *os.File
	input         *backlog
	// attended is set as soon as somebody uses the console, who may ask the
	// terminal something and will read the answer.
	attended atomic.Bool
}

// NewPty returns a pseudo-terminal that changes nothing of what passes. vfkit
// clears only a part of the modes itself, so raw mode comes before it starts.
func NewPty() (*Pty, error) {
	master, slave, err := openTransparent()
	if err != nil {
		return nil, err
	}
	p := &Pty{master: master, slave: slave, input: newBacklog()}
	go p.input.pass(master)
	return p, nil
}

// openTransparent opens a pseudo-terminal that changes nothing of what passes.
func openTransparent() (master, slave *os.File, err error) {
	if master, slave, err = pty.Open(); err != nil {
		return nil, nil, err
	}
	if err := transparent(int(slave.Fd())); err != nil {
		master.Close()
		slave.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

// transparent clears every mode that changes what passes through a terminal.
// Output modes go one by one too: QEMU switches OPOST, their main switch, on.
func transparent(fd int) error {
	if _, err := term.MakeRaw(fd); err != nil {
		return err
	}
	modes, err := unix.IoctlGetTermios(fd, getModes)
	if err != nil {
		return err
	}
	modes.Oflag = 0
	return unix.IoctlSetTermios(fd, setModes, modes)
}

// Slave returns the VMM's side, to be its stdin and stdout.
func (p *Pty) Slave() *os.File { return p.slave }

// Resize gives the pseudo-terminal the size of the user's terminal.
func (p *Pty) Resize(t *Terminal) { _ = pty.InheritSize(t.file, p.master) }

// Close closes both sides.
func (p *Pty) Close() {
	p.input.close()
	p.master.Close()
	p.slave.Close()
}

// Output copies what the guest prints to w until the VMM has closed its side.
// Call it after the VMM has started; it gives up our own copy of the VMM's
// side, without which the end would never come.
//
// A question for the console's size is answered here, where it is known, and
// does not reach w: the answer of a terminal comes later, when perhaps nobody
// waits for it any more.
func (p *Pty) Output(w *Spread) {
	p.slave.Close()
	var q queries
	buf := make([]byte, 32<<10)
	for {
		n, err := p.master.Read(buf)
		w.write(q.take(buf[:n], p.handle))
		if err != nil { // EIO on Linux, EOF on macOS
			w.write(q.held)
			return
		}
	}
}

// handle does what a query asks for, and reports whether it has.
func (p *Pty) handle(q query) bool {
	if q == login {
		p.attended.Store(true)
		return true
	}
	size, err := pty.GetsizeFull(p.master)
	if err != nil || size.Rows == 0 || size.Cols == 0 {
		return false
	}
	p.input.offer(fmt.Appendf(nil, "\x1b[8;%d;%dt", size.Rows, size.Cols))
	return true
}
