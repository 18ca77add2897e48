package console

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal is the user's terminal.
type Terminal struct {
	file  *os.File
	mu    sync.Mutex  // of what follows
	state *term.State // before Raw, nil while it is not raw
	guard *guard      // while raw
	keys  *Keys       // while raw
	guest leftovers   // what the guest has changed
	pause chan struct{}
	gone  chan struct{}
}

// Find returns the terminal behind file, which is usually stdout, or nil when
// there is none that we may use: it is no terminal, or this is a background
// job, which would be stopped for touching it. Input is read from the same
// device, since stdin was the document.
func Find(file *os.File) *Terminal {
	if !term.IsTerminal(int(file.Fd())) || !Foreground(file) {
		return nil
	}
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return nil
	}
	return &Terminal{file: file, gone: make(chan struct{})}
}

// Foreground reports whether this process may use its terminal, as far as that
// is known: for the terminal of another session it is not.
func Foreground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// Keep returns a function that gives a terminal its present modes again, for one
// that another process makes raw and may not restore.
func Keep(terminal *os.File) (restore func()) {
	state, err := term.GetState(int(terminal.Fd()))
	return func() {
		if err == nil {
			_ = flushInput(int(terminal.Fd()))
			_ = term.Restore(int(terminal.Fd()), state)
		}
	}
}

// Raw hands every key to the guest: ^C, ^Z, ^\ and ^S too. A guard restores
// the terminal if this process is killed; the error may be that there is none,
// and the terminal is raw all the same.
func (t *Terminal) Raw() error {
	keys, err := newKeys(t.file)
	if err != nil {
		return err
	}
	guard, err := newGuard(t.file)
	state, rawErr := term.MakeRaw(int(t.file.Fd()))
	if rawErr != nil {
		guard.dismiss()
		keys.end()
		return rawErr
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.guard, t.keys = state, guard, keys
	return err
}

// IsRaw reports whether the terminal is raw.
func (t *Terminal) IsRaw() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state != nil
}

// Keys returns what is typed until the terminal is restored, nil when it is not
// raw.
func (t *Terminal) Keys() *Keys {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys
}

// Restore undoes Raw, and what the guest has changed, and ends the wait for
// keys; keys and answers of the terminal that nobody has read are lost. A
// terminal that takes no output does not delay it for long. It may be called
// more than once, and on nil.
func (t *Terminal) Restore() {
	if t == nil {
		return
	}
	t.mu.Lock()
	state, guard, keys := t.state, t.guard, t.keys
	undo, answers := t.guest.undo(), t.guest.answers()
	t.state, t.guard, t.keys = nil, nil, nil
	t.mu.Unlock()
	if state == nil {
		return
	}
	keys.end()
	t.cleanUp(undo, answers)
	_ = flushInput(int(t.file.Fd())) // what was typed for the guest is no command of the shell's
	_ = term.Restore(int(t.file.Fd()), state)
	guard.dismiss()
}

// Suspend restores the terminal for a while. Output waits until Resume, or ends
// with Close.
func (t *Terminal) Suspend() {
	t.mu.Lock()
	t.pause = make(chan struct{})
	t.mu.Unlock()
	t.Restore()
}

// Resume makes the terminal raw again, and as the guest had it.
func (t *Terminal) Resume() error {
	err := t.Raw()
	t.mu.Lock()
	defer t.mu.Unlock()
	if redo := t.guest.redo(); redo != "" {
		go func() { _, _ = t.file.WriteString(redo) }()
	}
	if t.pause != nil {
		close(t.pause)
		t.pause = nil
	}
	return err
}

// Close restores the terminal for good.
func (t *Terminal) Close() {
	if t != nil {
		t.Restore()
		close(t.gone)
	}
}

// Write prints what the guest prints.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	pause := t.pause
	t.guest.note(p)
	t.mu.Unlock()
	if pause != nil {
		select {
		case <-pause:
		case <-t.gone:
			return 0, os.ErrClosed
		}
	}
	return t.file.Write(p)
}

// Beside calls say, which prints a line on the terminal, so that the line
// stands by itself even in raw mode, where a newline does not return to the
// left. Without a terminal it just calls say.
func (t *Terminal) Beside(say func()) {
	if !t.IsRaw() {
		say()
		return
	}
	_, _ = t.file.WriteString("\r\n")
	say()
	_, _ = t.file.WriteString("\r")
}

// Line prints a line that stands by itself on a raw terminal.
func (t *Terminal) Line(text string) { _, _ = t.file.WriteString("\r\n" + text + "\r\n") }

const (
	// stuck is how long a terminal may take for what is written at the end.
	stuck = 300 * time.Millisecond
	// lastAnswer is how long its answers may be on their way then.
	lastAnswer = 500 * time.Millisecond
	// areYouThere is a question that every terminal answers, and here the answer
	// (ECMA-48, DSR 5 and 0): answers come in the order of the questions.
	areYouThere = "\x1b[5n"
	here        = "\x1b[0n"
)

// cleanUp writes undo, and waits for the last answer where some are on their
// way.
func (t *Terminal) cleanUp(undo string, answers bool) {
	if answers {
		undo += areYouThere
	}
	if undo == "" {
		return
	}
	written := make(chan error, 1)
	go func() {
		_, err := t.file.WriteString(undo)
		written <- err
	}()
	select {
	case err := <-written:
		if err == nil && answers {
			awaitAnswer(int(t.file.Fd()))
		}
	case <-time.After(stuck):
	}
}

// awaitAnswer reads until the answer to areYouThere has come, for a while.
func awaitAnswer(fd int) {
	var got []byte
	buf := make([]byte, 1<<10)
	for deadline := time.Now().Add(lastAnswer); time.Now().Before(deadline); {
		ready, _, err := readable(fd, fd, max(0, time.Until(deadline)))
		if err != nil || !ready {
			return
		}
		n, err := unix.Read(fd, buf)
		got = append(got, buf[:max(n, 0)]...)
		if err != nil || n == 0 || bytes.Contains(got, []byte(here)) {
			return
		}
	}
}

// Keys are what is typed at a raw terminal.
type Keys struct {
	file *os.File
	wake [2]*os.File // a pipe whose end ends the wait
	fds  [2]int      // of the terminal and of the pipe, to wait for
}

func newKeys(terminal *os.File) (*Keys, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &Keys{terminal, [2]*os.File{r, w}, [2]int{int(terminal.Fd()), int(r.Fd())}}, nil
}

// end ends the wait for keys.
func (k *Keys) end() { k.wake[1].Close() }

// Read waits for keys. Once the terminal is restored it returns io.EOF, so that
// no key is taken away from whoever has the terminal then.
func (k *Keys) Read(p []byte) (int, error) {
	_, woken, err := readable(k.fds[0], k.fds[1], -1)
	switch {
	case err != nil:
		return 0, err
	case woken:
		return 0, io.EOF
	}
	return k.file.Read(p)
}

// More reports whether there are keys within d, or no more at all.
func (k *Keys) More(d time.Duration) bool {
	ready, woken, err := readable(k.fds[0], k.fds[1], d)
	return ready || woken || err != nil
}

// Close waits until the terminal is restored, and then gives up what the wait
// for keys took.
func (k *Keys) Close() {
	_, _ = k.wake[0].Read(make([]byte, 1))
	k.wake[0].Close()
}
