package console

import (
	"errors"
	"io"
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal is the user's terminal.
type Terminal struct {
	file  *os.File
	state *term.State // before Raw
	guard *guard      // while raw
}

// Find returns the terminal behind file, which is usually stdout, or nil when
// there is none that we may use: it is no terminal, or this is a background
// job, which would be stopped for touching it. Input is read from the same
// device, since stdin was the document.
func Find(file *os.File) *Terminal {
	fd := int(file.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err == nil && group != unix.Getpgrp() {
		return nil
	}
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return nil
	}
	return &Terminal{file: file}
}

// Raw hands every key to the guest: ^C, ^Z, ^\ and ^S too. A guard restores
// the terminal if this process is killed; the error may be that there is none,
// and the terminal is raw all the same.
func (t *Terminal) Raw() error {
	guard, err := newGuard(t.file)
	state, rawErr := term.MakeRaw(int(t.file.Fd()))
	if rawErr != nil {
		guard.dismiss()
		return rawErr
	}
	t.state, t.guard = state, guard
	return err
}

// Restore undoes Raw. It may be called more than once, and on nil.
func (t *Terminal) Restore() {
	if t != nil && t.state != nil {
		_ = term.Restore(int(t.file.Fd()), t.state)
		t.guard.dismiss()
		t.state = nil
	}
}

// Beside calls say, which prints a line on the terminal, so that the line
// stands by itself even in raw mode, where a newline does not return to the
// left. Without a terminal it just calls say.
func (t *Terminal) Beside(say func()) {
	if t == nil || t.state == nil {
		say()
		return
	}
	_, _ = t.file.WriteString("\r\n")
	say()
	_, _ = t.file.WriteString("\r")
}

// Pty is the VM's console: a pseudo-terminal of which the VMM has one side.
type Pty struct {
	master, slave *os.File
}

// NewPty returns a pseudo-terminal that changes nothing of what passes. vfkit
// clears only a part of the modes itself, so raw mode comes before it starts.
func NewPty() (*Pty, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, err
	}
	if err := transparent(int(slave.Fd())); err != nil {
		master.Close()
		slave.Close()
		return nil, err
	}
	return &Pty{master, slave}, nil
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
	p.master.Close()
	p.slave.Close()
}

// Output copies what the guest prints to w until the VMM has closed its side.
// When w fails, closed is called once, and the rest is dropped, so that the
// guest never blocks. Call it after the VMM has started; it gives up our own
// copy of the VMM's side, without which the end would never come.
func (p *Pty) Output(w io.Writer, closed func(error)) {
	p.slave.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := p.master.Read(buf)
		if n > 0 && w != nil {
			if _, werr := w.Write(buf[:n]); werr != nil {
				w = nil
				closed(werr)
			}
		}
		if err != nil { // EIO on Linux, EOF on macOS
			return
		}
	}
}

// Input copies the user's keys to the guest and calls command for each escape
// sequence, until either side is closed. It cannot be interrupted: a read from
// a terminal on macOS blocks its thread.
func (p *Pty) Input(t *Terminal, command func(Command)) error {
	var e escaper
	buf := make([]byte, 4<<10)
	for {
		n, err := t.file.Read(buf)
		output, commands := e.filter(buf[:n])
		if _, werr := p.master.Write(output); werr != nil {
			return werr
		}
		for _, c := range commands {
			command(c)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
