package console

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Pty is the VM's console: a pseudo-terminal of which the VMM has one side.
type Pty struct {
	master, slave *os.File
	input         *backlog
	ended         [2]*os.File // a pipe that is closed when the VMM has ended
	copying       sync.Mutex  // held by Output
	// RequestLog says that the VMM prints lines of its HTTP server there, which are
	// not the guest's.
	RequestLog bool
	// attended is set as soon as somebody uses the console, who may ask the
	// terminal something and will read the answer.
	attended atomic.Bool
}

// NewPty returns a pseudo-terminal that changes nothing of what passes. vfkit
// clears only a part of the modes itself, so raw mode comes before it starts.
func NewPty() (*Pty, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	master, slave, err := openTransparent()
	if err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	p := &Pty{master: master, slave: slave, input: newBacklog(), ended: [2]*os.File{r, w}}
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

// Attended reports whether somebody uses the console: has pressed a key, or is
// logged in.
func (p *Pty) Attended() bool { return p.attended.Load() }

// Resize gives the pseudo-terminal the size of the user's terminal.
func (p *Pty) Resize(t *Terminal) { _ = pty.InheritSize(t.file, p.master) }

// Close closes both sides, once Output has passed on what is there.
func (p *Pty) Close() {
	p.Ended()
	p.copying.Lock()
	defer p.copying.Unlock()
	p.input.close()
	p.master.Close()
	p.slave.Close()
}

// Ended says that the VMM has ended. What it printed before that is still
// passed on; what another process that has its side open prints is not waited
// for.
func (p *Pty) Ended() { p.ended[1].Close() }

const (
	// heldBack is how long the beginning of a line is kept that may not be the
	// guest's: such lines are written at once.
	heldBack = 20 * time.Millisecond
	// lastOutput is how long nothing has to come, once the VMM has ended, and
	// mostReads how often something can before that: more than a pseudo-terminal
	// holds.
	lastOutput = 50 * time.Millisecond
	mostReads  = 64
)

// Output copies what the guest prints to w until the VMM has ended. Our own copy
// of the VMM's side stays open for so long: macOS drops what nobody has read
// when the last one is closed.
//
// A question for the console's size is answered here, where it is known, and
// does not reach w: the answer of a terminal comes later, when perhaps nobody
// waits for it any more.
func (p *Pty) Output(w *Spread) {
	p.copying.Lock()
	defer p.copying.Unlock()
	defer p.ended[0].Close()
	o := output{pty: p, to: w, buf: make([]byte, 32<<10)}
	for o.await() && o.read() {
	}
	for range mostReads {
		if ready, _, err := readable(int(p.master.Fd()), int(p.master.Fd()), lastOutput); err != nil || !ready || !o.read() {
			break
		}
	}
	o.release()
	w.write(o.queries.held)
}

// output is what the guest prints on its way to a Spread.
type output struct {
	pty      *Pty
	to       *Spread
	buf      []byte
	requests requestLog
	queries  queries
}

// await waits for output, and reports false when the VMM has ended.
func (o *output) await() bool {
	for {
		patience := time.Duration(-1)
		if len(o.requests.held) > 0 {
			patience = heldBack
		}
		ready, ended, err := readable(int(o.pty.master.Fd()), int(o.pty.ended[0].Fd()), patience)
		if ready || ended || err != nil {
			return ready && !ended
		}
		o.release()
	}
}

// read passes on what is there. It reports false when no more can come.
func (o *output) read() bool {
	n, err := o.pty.master.Read(o.buf)
	p := o.buf[:n]
	if o.pty.RequestLog {
		p = o.requests.take(p)
	}
	o.pass(p)
	return err == nil // else EIO on Linux, EOF on macOS
}

// release passes on what was held back.
func (o *output) release() { o.pass(o.requests.release()) }

func (o *output) pass(p []byte) { o.to.write(o.queries.take(p, o.pty.handle)) }

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
