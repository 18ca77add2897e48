package console

import (
	"regexp"
	"strings"
	"unicode"
)

// sequences are what terminals obey and people cannot read (ECMA-48): control
// sequences, strings such as window titles, and other escapes.
var sequences = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)?|\x1b[ -/]*[0-~]`)

// Lines returns the last lines of a console's output, at most n that are not
// empty, as they could be read: without control characters, and of a line that
// was written over only what stood there in the end.
func Lines(output []byte, n int) []string {
	text := sequences.ReplaceAllString(strings.ToValidUTF8(string(output), ""), "")
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		line = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, strings.ReplaceAll(line[strings.LastIndexByte(line, '\r')+1:], "\t", " "))
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}
