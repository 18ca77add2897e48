package vfkit

import (
	"regexp"
	"strconv"
	"strings"
)

// logged is a line of vfkit's log, as logrus writes it.
var logged = regexp.MustCompile(`^time="[^"]*" level=\w+ msg=("(?:[^"\\]|\\.)*")`)

// Failure returns why vfkit has ended, by the end of its log; "" when that does
// not say. A start that fails prints the error, its whole usage, and the error
// again; Go's runtime prints where each goroutine was.
func Failure(log string) string {
	log = "\n" + strings.TrimSpace(log)
	if _, text, ok := cutLast(log, "\nError: "); ok {
		if text, _, ok := strings.Cut(text, "\nUsage:\n"); ok {
			return text
		}
	}
	for _, lead := range []string{"\npanic: ", "\nfatal error: "} {
		if _, text, ok := strings.Cut(log, lead); ok {
			text, _, _ = strings.Cut(text, "\n\n")
			return lead[1:] + text
		}
	}
	_, last, _ := cutLast(log, "\n")
	if match := logged.FindStringSubmatch(last); match != nil {
		if text, err := strconv.Unquote(match[1]); err == nil {
			return text
		}
	}
	return ""
}

// cutLast is [strings.Cut] around the last sep.
func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// Advice returns what the user can do about a failure of vfkit, "" if that is
// not known. The words are vfkit's own, and those of Virtualization.framework.
func Advice(failure string) string {
	for _, known := range []struct{ words, advice string }{
		{"com.apple.security.virtualization", "vfkit has to be signed for it: brew install vfkit, or nix profile install nixpkgs#vfkit"},
		{"storage device attachment is invalid", "another program may have a disk image of this VM open: lsof and the image's path find it"},
		{"CPU count", "nixvf-args --cpus, or virtualisation.cores, sets it"},
		{"memory size", "nixvf-args --memory, or virtualisation.memorySize, sets it"},
		{"rosetta is not installed", "softwareupdate --install-rosetta, or nixvf-args --no-rosetta"},
		{"rosetta is not supported", "nixvf-args --no-rosetta"},
		{"nested virtualization is not supported", "it takes an M3 or newer, and macOS 15 or newer; nixvf-args --no-nested leaves it out"},
		{"virtual machine failed to start", "nixvf-boot check looks at what keeps a Mac from running VMs"},
		{"security error", "nixvf-boot check looks at what keeps a Mac from running VMs, a locked keychain for one"},
	} {
		if strings.Contains(failure, known.words) {
			return known.advice
		}
	}
	return ""
}
