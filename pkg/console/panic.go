package console

import (
	"regexp"
	"strings"
)

// What Linux prints when it panics (kernel/panic.c): a line with the reason, a
// report of many lines, and one that says what comes next, a restart after a
// while (panic=N) or nothing at all (panic=0).
var (
	panicLine = regexp.MustCompile(`Kernel panic - not syncing: (.*)$`)
	panicEnd  = regexp.MustCompile(`(Rebooting in \d+ seconds\.\.|---\[ end Kernel panic - not syncing: .* \]---)$`)
	// timed is how a line begins that the kernel printed, if it prints times.
	timed = regexp.MustCompile(`^\[ *\d+\.\d+\]`)
	// asked is what it prints when it was asked to restart.
	asked = regexp.MustCompile(`\] (reboot|sysrq): `)
)

// Panic returns the reason of the kernel's panic with which the output ends. If
// anything but the kernel has printed something after it, there is none:
// somebody has looked at an old log, for one. ended reports whether the kernel
// has come to its last line.
func Panic(output []byte) (reason string, ended, panicked bool) {
	lines := Lines(output, strings.Count(string(output), "\n")+1)
	for i := len(lines) - 1; i >= 0; i-- {
		line := lines[i]
		last := i == len(lines)-1
		match := panicLine.FindStringSubmatch(line)
		switch end := panicEnd.MatchString(line); {
		case last && end:
			ended = true
		case match != nil && !end:
			return match[1], ended, true
		case !timed.MatchString(line), asked.MatchString(line):
			return "", false, false
		}
	}
	return "", false, false
}
