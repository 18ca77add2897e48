package console

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What Linux prints when it panics (kernel/panic.c): a line with the reason, a
// report of many lines, and one that says what comes next, a restart after a
// while (panic=N) or nothing at all (panic=0).
var (
	panicLine = regexp.MustCompile(`^\[ *\d+\.\d+\](?:\[[^]]*\])? Kernel panic - not syncing: (.*)$`)
	panicEnd  = regexp.MustCompile(`(Rebooting in \d+ seconds\.\.|---\[ end Kernel panic - not syncing: .* \]---)$`)
	// timed is how a line begins that the kernel printed, if it prints times.
	timed = regexp.MustCompile(`^\[ *(\d+\.\d+)\]`)
	// asked is what it prints when it was asked to restart.
	asked = regexp.MustCompile(`\] (reboot|sysrq): `)
)

const (
	// clockSlack is how far a guest's clock may be before ours.
	clockSlack = 10 * time.Second
	// outOfOrder is how much earlier than the line before it a line can be, in
	// seconds: two CPUs have printed them.
	outOfOrder = 0.1
)

// Panic returns the reason of the kernel's panic with which the output ends. If anything but the kernel has printed something
// after it, there is none: somebody has looked at an old log, for one. So it is
// when its times are not later than all that the kernel has said before, or later
// than can be: then it is another machine's. ended reports whether the kernel
// has come to its last line.
func (s *Spread) Panic() (reason string, ended, panicked bool) {
	s.mu.Lock()
	output, last, possible := slices.Clone(s.tail), s.clock.last, s.possible()
	s.mu.Unlock()
	return lastPanic(output, last, possible)
}

// lastPanic is Panic for output whose last time must be latest, the time of the
// kernel's last line, and at most possible.
func lastPanic(output []byte, latest, possible float64) (reason string, ended, panicked bool) {
	lines := Lines(output, strings.Count(string(output), "\n")+1)
	after := latest // the time of the line after this one
	for i := len(lines) - 1; i >= 0; i-- {
		line := lines[i]
		now, ok := lineTime(line)
		end := panicEnd.MatchString(line)
		last := i == len(lines)-1
		switch match := panicLine.FindStringSubmatch(line); {
		case !ok, asked.MatchString(line), now > after+outOfOrder, now > possible, last && now < latest-outOfOrder:
			return "", false, false
		case last && end:
			ended = true
		case match != nil && !end:
			return match[1], ended, true
		}
		after = now
	}
	return "", false, false
}

// lineTime returns the time with which the kernel began a line, in seconds since
// its start.
func lineTime(line string) (seconds float64, ok bool) {
	match := timed.FindStringSubmatch(line)
	if match == nil {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(match[1], 64)
	return seconds, err == nil
}

// clock is the time of a kernel's last line, however long ago it was printed.
type clock struct {
	line []byte // how the present line begins
	last float64
}

// lineBegin is how much of a line is looked at, in bytes: its time, and whether
// it is a kernel's first.
const lineBegin = 64

// note reads what the guest prints. A time later than possible is not its
// kernel's: no panic would be later than that.
func (c *clock) note(output []byte, possible float64) {
	for len(output) > 0 {
		n := bytes.IndexByte(output, '\n')
		end := n >= 0
		if !end {
			n = len(output)
		}
		c.line = append(c.line, output[:min(n, lineBegin-len(c.line))]...)
		if !end {
			return
		}
		if len(c.line) > 0 && c.line[0] == '[' {
			c.set(string(c.line), possible)
		}
		c.line, output = c.line[:0], output[n+1:]
	}
}

func (c *clock) set(line string, possible float64) {
	switch now, ok := lineTime(line); {
	case !ok, now > possible:
	case strings.Contains(line, "] reboot: "): // what comes next is another kernel
		c.last = 0
	case now > c.last, strings.Contains(line, "] Linux version "):
		c.last = now
	}
}
