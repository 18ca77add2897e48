package console

import (
	"bytes"
	"slices"
	"strings"
)

// reports finds what a terminal says by itself, in answer to a program's
// question, among the keys: control sequences and strings of ECMA-48 that no key
// sends. The answers are those of DEC's terminals and of xterm (ctlseqs.html).
type reports struct {
	held []byte // the beginning of what may be one
}

// drop returns input without reports. What may be the beginning of one is held
// back, until drop or release gets to know better.
func (r *reports) drop(input []byte) (keys []byte) {
	p := append(r.held, input...)
	r.held = nil
	for len(p) > 0 {
		n, found := report(p)
		switch {
		case found == partly:
			r.held = p
			return keys
		case found == no:
			keys = append(keys, p[:n]...)
		}
		p = p[n:]
	}
	return keys
}

// release returns what is held back, which is no report after all.
func (r *reports) release() []byte {
	held := r.held
	r.held = nil
	return held
}

// found says whether a text begins with what is looked for.
type found int

const (
	no found = iota
	partly
	yes
)

// longestReport bounds a report, in bytes, so that no keys are held back for
// the sake of one that never ends.
const longestReport = 4 << 10

const (
	bell = 0x07
	esc  = 0x1b
)

// report reports whether p begins with a terminal's report, which then is n
// bytes long. If it does not, n bytes are surely not the beginning of one.
func report(p []byte) (n int, is found) {
	if p[0] != esc {
		if n = bytes.IndexByte(p, esc); n < 0 {
			n = len(p)
		}
		return n, no
	}
	if len(p) == 1 {
		return 0, partly
	}
	switch p[1] {
	case '[':
		n, is = controlReport(p)
	case ']': // OSC: colours, and titles (with a letter)
		n, is = stringReport(p, "0123456789Ll")
	case 'P': // DCS: settings, capabilities, the terminal's name
		n, is = stringReport(p, "0123456789>!")
	case '_': // APC: pictures
		n, is = stringReport(p, "G")
	}
	switch {
	case is == partly && len(p) >= longestReport:
		return 1, no
	case is == no:
		return 1, no
	}
	return n, is
}

// controlReports are the control sequences that are reports, by the byte that
// says whose they are, and by how they end. A key's have no such byte, and end
// in another way; a mouse's have "<".
var controlReports = map[byte][]string{
	'?': {"R", "c", "n", "u", "S", "$y"}, // cursor, attributes, status, keyboard, graphics, mode
	'>': {"c", "m"},                      // attributes, modifiers
	0:   {"R", "n", "t", "$y"},           // cursor, status, window, mode
}

// controlReport is report for what begins as a control sequence: CSI,
// parameters, intermediate bytes and a final one (ECMA-48, 5.4).
func controlReport(p []byte) (n int, is found) {
	const csi = 2
	params := csi + span(p[csi:], 0x30, 0x3f)
	middle := params + span(p[params:], 0x20, 0x2f)
	if middle == len(p) {
		return 0, partly
	}
	text := string(p[csi:params])
	var whose byte
	if text != "" && strings.IndexByte("<=>?", text[0]) >= 0 {
		whose, text = text[0], text[1:]
	}
	end := string(p[params : middle+1])
	switch {
	case strings.Trim(text, "0123456789;:") != "" || text == "":
	case whose == 0 && end == "R" && !strings.Contains(text, ";"): // F3
	case slices.Contains(controlReports[whose], end):
		return middle + 1, yes
	}
	return 0, no
}

// stringReport is report for what begins as a string, which a terminal ends
// with ST or BEL. Its first byte is one of those given: alt-] is a key.
func stringReport(p []byte, first string) (n int, is found) {
	const begin = 2
	if len(p) > begin && strings.IndexByte(first, p[begin]) < 0 {
		return 0, no
	}
	end := begin + span(p[begin:], 0x20, 0xff)
	switch {
	case end == len(p), end == len(p)-1 && p[end] == esc:
		return 0, partly
	case p[end] == bell && end > begin:
		return end + 1, yes
	case p[end] == esc && p[end+1] == '\\' && end > begin:
		return end + 2, yes
	}
	return 0, no
}

// span returns how many bytes p begins with that lie between low and high.
func span(p []byte, low, high byte) int {
	n := slices.IndexFunc(p, func(b byte) bool { return b < low || b > high })
	if n < 0 {
		return len(p)
	}
	return n
}
