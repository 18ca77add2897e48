package launchdoc

import (
	"fmt"
	"regexp"
	"strings"
)

// Names of the formats that [Document.Render] knows.
const (
	JSON  = "json"  // the document
	Shell = "shell" // a command to paste
	Lines = "lines" // the arguments, one a line
	Null  = "null"  // the arguments, each followed by NUL
)

// Render returns the document in the given format. All but JSON hold the
// command line alone; lines and null leave out its first word.
func (d *Document) Render(format string) ([]byte, error) {
	if format == JSON {
		return d.Marshal()
	}
	if len(d.Argv) == 0 {
		return nil, fmt.Errorf("argv: empty")
	}
	switch format {
	case Shell:
		return Command(d.Argv)
	case Lines:
		return join(d.Argv[1:], "\n")
	case Null:
		return join(d.Argv[1:], "\x00")
	}
	return nil, fmt.Errorf("format: %q is not one of json, shell, lines, null", format)
}

// join ends each argument with end, which none of them may hold.
func join(args []string, end string) ([]byte, error) {
	var b strings.Builder
	for _, a := range args {
		if strings.Contains(a, end) {
			return nil, fmt.Errorf("argv: %q holds %q", a, end)
		}
		b.WriteString(a + end)
	}
	return []byte(b.String()), nil
}

// Command returns argv as a shell command: one flag a line together with its
// value, quoted where a POSIX shell needs it.
func Command(argv []string) ([]byte, error) {
	var b strings.Builder
	for i, a := range argv {
		switch {
		case strings.Contains(a, "\x00"):
			return nil, fmt.Errorf("argv: %q holds NUL", a)
		case i == 0:
		case strings.HasPrefix(a, "-"):
			b.WriteString(" \\\n  ")
		default:
			b.WriteString(" ")
		}
		b.WriteString(quote(a))
	}
	b.WriteString("\n")
	return []byte(b.String()), nil
}

// plain matches what no shell takes for syntax, wherever it stands.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$`)

// quote returns a as a word of a POSIX shell. Other than the quoting of
// mvdan.cc/sh, it has no character that it must refuse.
func quote(a string) string {
	if plain.MatchString(a) {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}
