package console

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal is the user's terminal.
type Terminal struct {
	file  *os.File
	state *term.State // before Raw
	guard *guard      // while raw
	wake  [2]*os.File // a pipe whose end ends the wait for keys
	fds   [2]int      // of the terminal and of the pipe, to wait for
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
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	guard, err := newGuard(t.file)
	state, rawErr := term.MakeRaw(int(t.file.Fd()))
	if rawErr != nil {
		guard.dismiss()
		r.Close()
		w.Close()
		return rawErr
	}
	t.state, t.guard, t.wake = state, guard, [2]*os.File{r, w}
	t.fds = [2]int{int(t.file.Fd()), int(r.Fd())}
	return err
}

// Restore undoes Raw and ends the wait for keys; keys and answers of the
// terminal that nobody has read are lost. It may be called more than once, and
// on nil.
func (t *Terminal) Restore() {
	if t == nil || t.state == nil {
		return
	}
	t.wake[1].Close()
	_ = flushInput(int(t.file.Fd())) // what was typed for the guest is no command of the shell's
	_ = term.Restore(int(t.file.Fd()), t.state)
	t.guard.dismiss()
	t.state = nil
}

// Read waits for keys. After Restore it returns io.EOF, so that no key is
// taken away from whoever has the terminal then; so it does on a terminal that
// could not be made raw.
func (t *Terminal) Read(p []byte) (int, error) {
	if t.wake[0] == nil {
		return 0, io.EOF
	}
	_, woken, err := readable(t.fds[0], t.fds[1], -1)
	switch {
	case err != nil:
		return 0, err
	case woken:
		return 0, io.EOF
	}
	return t.file.Read(p)
}

// More reports whether there are keys within d, or no more at all.
func (t *Terminal) More(d time.Duration) bool {
	if t.wake[0] == nil {
		return true
	}
	ready, woken, err := readable(t.fds[0], t.fds[1], d)
	return ready || woken || err != nil
}

// Close restores the terminal and gives it up.
func (t *Terminal) Close() {
	t.Restore()
	t.file.Close()
}

// Write prints what the guest prints.
func (t *Terminal) Write(p []byte) (int, error) { return t.file.Write(p) }

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

// Line prints a line that stands by itself on a raw terminal.
func (t *Terminal) Line(text string) { _, _ = t.file.WriteString("\r\n" + text + "\r\n") }
