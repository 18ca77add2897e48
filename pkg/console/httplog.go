package console

import (
	"bytes"
	"regexp"
)

// requestLog takes the lines of vfkit's HTTP server out of what the guest
// prints: gin, which it is made with, writes one to vfkit's stdout for each
// request, and stdout is the console. Such a line is written at once, so it is
// whole, but it can stand in the middle of a line of the guest's. It ends with a
// line feed alone, while a guest's terminal ends lines with CR LF, so that a
// guest may show such lines as well.
type requestLog struct {
	held []byte // the beginning of what may be one
}

// requestBegin is how such a line begins.
var requestBegin = []byte("[GIN] ")

// requestLine is one of gin 1.10 to 1.12 (logger.go, defaultLogFormatter): time,
// status, duration, client, method and path, with colours or without.
var requestLine = regexp.MustCompile(`^\[GIN\] \d{4}/\d\d/\d\d - \d\d:\d\d:\d\d \|` + colour + ` \d{3} ` + colour +
	`\|` + colour + ` +[0-9a-zµ.]+ ` + colour + `\| {1,15}[^ |\r\n]* *\|` + colour + ` [A-Z]+ *` + colour + ` "[^"\r\n]*"\n$`)

const (
	colour = `(?:\x1b\[[0-9;]*m)?`
	// longestRequest bounds such a line, in bytes.
	longestRequest = 512
)

// take returns output without the server's lines. What may be the beginning of
// one is held back; release gives it back when nothing follows.
func (l *requestLog) take(output []byte) (rest []byte) {
	p := append(l.held, output...)
	l.held = nil
	for len(p) > 0 {
		n := bytes.IndexByte(p, requestBegin[0])
		if n < 0 {
			return append(rest, p...)
		}
		rest, p = append(rest, p[:n]...), p[n:]
		n, is := findRequest(p)
		switch is {
		case yes:
			p = p[n:]
		case partly:
			l.held = p
			return rest
		case no:
			rest, p = append(rest, p[0]), p[1:]
		}
	}
	return rest
}

// findRequest reports whether p begins with a line of the server's, which then
// is n bytes long.
func findRequest(p []byte) (n int, is found) {
	switch {
	case len(p) < len(requestBegin) && bytes.HasPrefix(requestBegin, p):
		return 0, partly
	case !bytes.HasPrefix(p, requestBegin):
		return 0, no
	}
	end := bytes.IndexAny(p, "\r\n")
	switch {
	case end < 0 && len(p) < longestRequest:
		return 0, partly
	case end >= 0 && requestLine.Match(p[:end+1]):
		return end + 1, yes
	}
	return 0, no
}

// release returns what is held back, which is the guest's after all.
func (l *requestLog) release() []byte {
	held := l.held
	l.held = nil
	return held
}
