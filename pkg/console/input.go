package console

import (
	"errors"
	"io"
	"slices"
	"time"
)

// Keyboard is where keys come from.
type Keyboard interface {
	io.Reader
	// More reports whether there is something to read within d.
	More(d time.Duration) bool
}

// restOfReport is how long the rest of a terminal's report may be on its way,
// once it has begun: longer than over a slow line, shorter than a person waits
// after the escape key.
const restOfReport = 100 * time.Millisecond

// Input copies keys to the guest, until either side is closed. It calls command
// for each escape sequence, and ends with Detach; if command is nil, there are
// no escape sequences.
//
// A guest asks the terminal this and that while it boots, and does not wait for
// each answer: it would be taken for input at the next prompt. Therefore the
// terminal's reports are dropped until the guest's console is attended: until
// the first key, or until somebody is logged in.
func (p *Pty) Input(keys Keyboard, command func(Command)) error {
	var e escaper
	var r reports
	buf := make([]byte, 4<<10)
	for {
		input, err := p.attend(&r, keys, buf)
		var commands []Command
		if command != nil {
			input, commands = e.filter(input)
		}
		if err := p.input.put(input, roomForKeys); err != nil {
			return err
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

// attend reads keys, without the reports that nobody waits for.
func (p *Pty) attend(r *reports, keys Keyboard, buf []byte) ([]byte, error) {
	if len(r.held) > 0 && !keys.More(restOfReport) {
		p.attended.Store(true) // it is the escape key
		return r.release(), nil
	}
	n, err := keys.Read(buf)
	if p.attended.Load() {
		return append(r.release(), buf[:n]...), err
	}
	input := r.drop(buf[:n])
	if len(input) > 0 {
		p.attended.Store(true)
	}
	return input, err
}

// Write copies a file's input to the guest, as it is and as fast as the guest
// takes it.
func (p *Pty) Write(input []byte) (int, error) {
	if err := p.input.put(input, roomForFiles); err != nil {
		return 0, err
	}
	return len(input), nil
}
