// Package console connects a VM's console to the user's terminal. It owns raw
// mode, the escape sequence, and the pseudo-terminal that the VMM gets.
//
// It is the only package that changes terminal modes. It imports nothing of
// nixvf.
package console

// Escape is the byte that begins an escape sequence: ctrl-].
const Escape = 0x1d

// Command is what an escape sequence asks for.
type Command int

const (
	None   Command = iota
	Stop           // ctrl-] .
	Detach         // ctrl-] d
)

// escaper finds escape sequences in the user's input.
type escaper struct {
	pending  bool // an Escape was the last byte
	detached bool // what follows is not for the guest
}

// filter returns what of input goes to the guest, and the commands in it.
// ctrl-] twice is one ctrl-] for the guest; before any other key it is sent on
// as it is. What comes after Detach is dropped.
func (e *escaper) filter(input []byte) (output []byte, commands []Command) {
	for _, b := range input {
		switch {
		case e.detached:
			continue
		case !e.pending && b == Escape:
			e.pending = true
			continue
		case !e.pending:
			output = append(output, b)
		case b == '.':
			commands = append(commands, Stop)
		case b == 'd':
			commands, e.detached = append(commands, Detach), true
		case b == Escape:
			output = append(output, Escape)
		default:
			output = append(output, Escape, b)
		}
		e.pending = false
	}
	return output, commands
}
