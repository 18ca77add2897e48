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
// empty, each as [Plain] has it and without blanks around it.
func Lines(output []byte, n int) []string {
	var lines []string
	for _, line := range strings.Split(strip(output), "\n") {
		if line = strings.TrimSpace(visible(line)); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

// Plain returns a line of a console's output as it could be read: without
// control characters, and of a line that was written over only what stood there
// in the end.
func Plain(line []byte) string { return visible(strip(line)) }

// strip removes what is no text.
func strip(output []byte) string {
	return sequences.ReplaceAllString(strings.ToValidUTF8(string(output), ""), "")
}

func visible(line string) string {
	line = strings.TrimRight(line, "\r")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ReplaceAll(line[strings.LastIndexByte(line, '\r')+1:], "\t", " "))
}
