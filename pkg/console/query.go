package console

import "bytes"

// query is what the guest asks or tells whoever sits in front of its console,
// and is meant for us.
type query string

const (
	// askSize asks for the size of the text area (xterm's ctlseqs.html, XTWINOPS
	// 18). The answer is CSI 8 ; rows ; columns t.
	askSize query = "\x1b[18t"
	// login tells that somebody logs in there: a session begins
	// (systemd.io/OSC_CONTEXT). The guest's login shells say so, by NixOS's module.
	login query = "\x1b]3008;start=nixvf;type=session\x07"
)

// queries finds queries in the guest's output.
type queries struct {
	held []byte // the beginning of what may be one
}

// take returns output without the queries that handle takes, each of which is
// no business of the terminal any more. What may be the beginning of one is
// held back until the rest comes.
func (q *queries) take(output []byte, handle func(query) bool) (rest []byte) {
	p := append(q.held, output...)
	q.held = nil
	for len(p) > 0 {
		n := bytes.IndexByte(p, esc)
		if n < 0 {
			return append(rest, p...)
		}
		rest, p = append(rest, p[:n]...), p[n:]
		which, is := findQuery(p)
		switch {
		case is == partly:
			q.held = p
			return rest
		case is == yes && handle(which):
			p = p[len(which):]
		default:
			rest, p = append(rest, esc), p[1:]
		}
	}
	return rest
}

// findQuery reports whether p begins with a query.
func findQuery(p []byte) (which query, is found) {
	for _, which = range []query{askSize, login} {
		switch {
		case bytes.HasPrefix(p, []byte(which)):
			return which, yes
		case bytes.HasPrefix([]byte(which), p):
			is = partly
		}
	}
	return "", is
}
