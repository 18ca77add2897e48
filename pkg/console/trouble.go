package console

import (
	"regexp"
	"strconv"
	"strings"
)

// Trouble is why a guest does not come up.
type Trouble struct {
	What string // "it is in emergency mode"
	Last string // what the console said last of it
}

// jobPatience is how many minutes a job without limit may take to start.
const jobPatience = 3

// maxWelcomes is how often a boot greets, once a stage, and more than that;
// maxRestarts how often a guest may start anew before it has come up.
const (
	maxWelcomes = 3
	maxRestarts = 2
)

var (
	// isUp is what a guest says that has come up, or that somebody uses: a login
	// prompt, or what the NixOS module's login script says.
	isUp = regexp.MustCompile(`(?m)login: |\x1b\]3008;start=`)
	// Systemd's words (src/systemd-sulogin-shell, src/core/crash-handler.c,
	// src/core/manager.c) and those of NixOS's scripted stage 1.
	emergency = regexp.MustCompile(`^You are in emergency mode\.|^An error occurred in stage 1 of the boot process`)
	// What the first process says goes to the journal once that is there, and
	// only the journal's service, when it finds nobody to tell that it lives,
	// speaks on the console.
	frozen  = regexp.MustCompile(`Freezing execution\.?$|systemd-journald\[\d+\]: Failed to send WATCHDOG=1 notification message: Connection refused`)
	waiting = regexp.MustCompile(`(?:Job |A start job is running for )(.+?)(?:/start running|(…)[^ …]* running)? \((?:(\d+)h )?(?:(\d+)min )?(?:\d+s )?/ no limit\)$`)
	welcome = regexp.MustCompile(`^(?:Welcome to|Booting initrd of) .*[!.]$`)
	failed  = regexp.MustCompile(`^\[ *(?:FAILED|DEPEND|TIME) *\] |Timed out waiting for|Failed to `)
)

// IsUp reports whether the output shows that the guest has come up.
func IsUp(output []byte) bool { return isUp.Match(output) }

// FindTrouble looks in the output of a guest that boots for what keeps it from
// coming up. It has started anew so many times, as far as the VMM tells: it may
// do so before the console shows anything of its first process. Of one that prints
// nothing at all there is nothing to say here.
func FindTrouble(output []byte, restarts int) (Trouble, bool) {
	lines := Lines(output, strings.Count(string(output), "\n")+1)
	welcomes := 0
	for i, line := range lines {
		switch {
		case emergency.MatchString(line):
			return Trouble{"it is in emergency mode", lastFailure(lines[:i])}, true
		case frozen.MatchString(line):
			return Trouble{"its first process has stopped", line}, true
		case welcome.MatchString(line):
			welcomes++
		}
	}
	if welcomes > maxWelcomes || restarts > maxRestarts && len(lines) > 0 {
		return Trouble{"it begins its boot again and again", lastFailure(lines)}, true
	}
	return endless(lines)
}

// endless finds the job for which the guest waits without limit.
func endless(lines []string) (Trouble, bool) {
	if len(lines) == 0 {
		return Trouble{}, false
	}
	last := lines[len(lines)-1]
	match := waiting.FindStringSubmatch(last)
	if match == nil {
		return Trouble{}, false
	}
	minutes, _ := strconv.Atoi(match[4])
	if match[3] == "" && minutes < jobPatience {
		return Trouble{}, false
	}
	return Trouble{"it waits without limit for " + match[1] + match[2], last}, true
}

// lastFailure returns the last line that tells of one, or else the last line.
func lastFailure(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if failed.MatchString(lines[i]) {
			return lines[i]
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}
