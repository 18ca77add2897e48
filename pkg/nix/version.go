package nix

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a version of Nix or of a program that is like it.
type Version struct{ Major, Minor int }

// Oldest is the oldest Nix that nixvf works with: Debian 12's.
var Oldest = Version{2, 8}

// installables is the first version that takes `x.drv^out` (release notes of
// 2.13). Until 2.14 `x.drv` alone means all outputs, from 2.15 on the
// derivation's own file.
var installables = Version{2, 13}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// AtLeast reports whether v is w or newer.
func (v Version) AtLeast(w Version) bool {
	return v.Major > w.Major || v.Major == w.Major && v.Minor >= w.Minor
}

// number is the beginning of a version: 2.8.0, 2.29pre20250512_a1b2c3.
var number = regexp.MustCompile(`^([0-9]{1,6})\.([0-9]{1,6})(?:[^0-9]|$)`)

// ParseVersion reads what `nix --version` prints. The last word that looks like
// a version counts: "nix (Nix) 2.8.0", "nix (Lix, like Nix) 2.91.1", "nix
// (Determinate Nix 3.6.2) 2.29.0".
func ParseVersion(output string) (Version, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	words := strings.Fields(line)
	for i := len(words) - 1; i >= 0; i-- {
		m := number.FindStringSubmatch(words[i])
		if m == nil {
			continue
		}
		major, err := strconv.Atoi(m[1])
		if err != nil {
			break
		}
		minor, err := strconv.Atoi(m[2])
		if err != nil {
			break
		}
		return Version{major, minor}, nil
	}
	return Version{}, fmt.Errorf("nix --version: %.80q contains no version", line)
}
