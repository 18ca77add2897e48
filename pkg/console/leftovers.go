package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// leftovers is what a guest has changed of a terminal by what it printed
// (ECMA-48, and xterm's ctlseqs.html), so that it can be undone: a shell that
// gets the terminal back must not find the mouse on, or the other screen.
type leftovers struct {
	state  rune            // of the sequence that is being printed, 0 outside of one
	params []byte          // of that sequence, so far
	modes  map[string]bool // private modes that are not as usual
	other  map[string]bool // other changes, by what undoes them
	asked  time.Time       // when it asked the terminal something
}

// privateModes are the modes that are undone, and whether each is usually on.
var privateModes = map[string]bool{
	"1": false, "5": false, "6": false, "7": true, "25": true, // cursor keys, colours, origin, wrap, cursor
	"9": false, "1000": false, "1001": false, "1002": false, "1003": false, // mouse
	"1004": false, "1005": false, "1006": false, "1015": false, "1016": false, // focus; how the mouse is told
	"47": false, "1047": false, "1049": false, // the other screen
	"2004": false, "2026": false, // pasted text, output at once
}

// What undoes other changes.
const (
	plainText   = "\x1b[0m"
	plainSet    = "\x1b(B\x0f"
	plainKeypad = "\x1b>"
	plainInsert = "\x1b[4l"
	plainCursor = "\x1b[0 q"
	plainKeys   = "\x1b[>4m"
	popKeyboard = "\x1b[<9u" // as many as there can be
	wholeScreen = "\x1b7\x1b[r\x1b8"
)

// mostParams bounds what is remembered of a sequence, in bytes.
const mostParams = 64

// note reads what the guest prints.
func (l *leftovers) note(output []byte) {
	for _, b := range output {
		switch {
		case b == esc && l.state != 's':
			l.state, l.params = esc, l.params[:0]
		case l.state != 0:
			l.state = l.next(b)
		case b == 0x0e:
			l.change(plainSet, true)
		}
	}
}

// next reads a byte of a sequence and returns what follows it: esc, '[' in a
// control sequence, 's' in a string, '(' before the name of a character set, 0
// outside.
func (l *leftovers) next(b byte) rune {
	switch l.state {
	case 's':
		return l.inString(b)
	case '(':
		l.change(plainSet, b != 'B')
		return 0
	case '[':
		if b < 0x40 && len(l.params) < mostParams {
			l.params = append(l.params, b)
			return '['
		}
		l.control(string(l.params), b)
		return 0
	}
	switch b {
	case '[', '(':
		return rune(b)
	case ']', 'P', 'X', '^', '_':
		if b == 'P' {
			l.asked = time.Now()
		}
		return 's'
	case '=':
		l.change(plainKeypad, true)
	case '>':
		l.change(plainKeypad, false)
	case 'c': // RIS
		*l = leftovers{asked: l.asked}
	}
	return 0
}

// inString reads a byte of a string, which ends with BEL or ST.
func (l *leftovers) inString(b byte) rune {
	last := byte(0)
	if len(l.params) > 0 {
		last = l.params[0]
	}
	l.params = append(l.params[:0], b)
	switch {
	case b == bell, last == esc:
		return 0
	case b == '?' && last == ';': // OSC 11 ; ? and the like
		l.asked = time.Now()
	}
	return 's'
}

// control notes a control sequence.
func (l *leftovers) control(params string, final byte) {
	private := strings.HasPrefix(params, "?")
	switch {
	case private && (final == 'h' || final == 'l'):
		for _, mode := range strings.Split(params[1:], ";") {
			l.mode(mode, final == 'h')
		}
	case final == 'm' && strings.HasPrefix(params, ">4"):
		l.change(plainKeys, strings.HasPrefix(params, ">4;"))
	case final == 'm' && !strings.ContainsAny(params, "?>"):
		l.change(plainText, strings.Trim(params, "0;") != "")
	case params == "4" && (final == 'h' || final == 'l'):
		l.change(plainInsert, final == 'h')
	case final == 'q' && strings.HasSuffix(params, " "):
		l.change(plainCursor, strings.Trim(params, "0 ") != "")
	case final == 'u' && strings.HasPrefix(params, ">"):
		l.change(popKeyboard, true)
	case final == 'r' && !private:
		l.change(wholeScreen, strings.Trim(params, "0;") != "")
	case final == 'p' && params == "!": // DECSTR
		mouse := maps.Clone(l.modes)
		maps.DeleteFunc(mouse, func(mode string, _ bool) bool { return len(mode) < 3 && mode != "9" && mode != "47" })
		l.modes, l.other = mouse, nil
	case strings.IndexByte("cntpqu", final) >= 0:
		l.asked = time.Now()
	}
}

// mode notes a private mode.
func (l *leftovers) mode(mode string, on bool) {
	usual, known := privateModes[mode]
	switch {
	case !known:
	case on == usual:
		delete(l.modes, mode)
	case l.modes == nil:
		l.modes = map[string]bool{mode: on}
	default:
		l.modes[mode] = on
	}
}

// change notes another change, or that it is undone.
func (l *leftovers) change(undo string, is bool) {
	switch {
	case !is:
		delete(l.other, undo)
	case l.other == nil:
		l.other = map[string]bool{undo: true}
	default:
		l.other[undo] = true
	}
}

// undo returns what makes the terminal as usual.
func (l *leftovers) undo() string {
	var text strings.Builder
	if l.state == 's' {
		text.WriteString("\x1b\\") // the string ends
	}
	for _, mode := range slices.Sorted(maps.Keys(l.modes)) {
		text.WriteString(setMode(mode, !l.modes[mode]))
	}
	for _, undo := range slices.Sorted(maps.Keys(l.other)) {
		text.WriteString(undo)
	}
	return text.String()
}

// redo returns what makes the terminal as the guest had it, as far as that goes
// without a program there that draws anew.
func (l *leftovers) redo() string {
	var text strings.Builder
	for _, mode := range slices.Sorted(maps.Keys(l.modes)) {
		text.WriteString(setMode(mode, l.modes[mode]))
	}
	return text.String()
}

func setMode(mode string, on bool) string {
	if on {
		return fmt.Sprintf("\x1b[?%sh", mode)
	}
	return fmt.Sprintf("\x1b[?%sl", mode)
}

// lateAnswer is how long an answer of the terminal may be on its way.
const lateAnswer = 5 * time.Second

// answers reports whether answers can be on their way, or reports of the mouse
// and the like.
func (l *leftovers) answers() bool {
	for mode := range l.modes {
		if len(mode) == 4 && mode != "1049" || mode == "9" {
			return true
		}
	}
	return !l.asked.IsZero() && time.Since(l.asked) < lateAnswer
}
