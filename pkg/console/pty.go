package console

import (
	"errors"
	"io"
	"os"
	"slices"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

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
// Call it after the VMM has started; it gives up our own copy of the VMM's
// side, without which the end would never come.
func (p *Pty) Output(w *Spread) {
	p.slave.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := p.master.Read(buf)
		w.write(buf[:n])
		if err != nil { // EIO on Linux, EOF on macOS
			return
		}
	}
}

// Input copies keys to the guest and calls command for each escape sequence,
// until either side is closed or one of them was Detach.
func (p *Pty) Input(keys io.Reader, command func(Command)) error {
	var e escaper
	buf := make([]byte, 4<<10)
	for {
		n, err := keys.Read(buf)
		output, commands := e.filter(buf[:n])
		if _, werr := p.master.Write(output); werr != nil {
			return werr
		}
		for _, c := range commands {
			command(c)
		}
		switch {
		case slices.Contains(commands, Detach), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
