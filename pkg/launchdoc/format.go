package launchdoc

import (
	"fmt"
	"strings"

	"github.com/nixvf/nixvf/pkg/shell"
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
		b.WriteString(shell.Word(a))
	}
	b.WriteString("\n")
	return []byte(b.String()), nil
}
