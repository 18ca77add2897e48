package disk

import (
	"fmt"
	"regexp"

	"github.com/docker/go-units"
)

// sizeSyntax is what ParseSize takes. RAMInBytes alone also reads numbers like
// 1e3, 0x1p4, NaN and +5.
var sizeSyntax = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?(?i:[kmgtp](i?b)?|b)?$`)

// ParseSize reads a size in bytes as people write it: 20G, 1024M, 1.5GiB,
// 1073741824. Units are powers of 1024 and their case does not matter. Any
// size below 1 EiB is read; what an image may have, Spec.Check knows.
func ParseSize(s string) (int64, error) {
	if !sizeSyntax.MatchString(s) {
		return 0, fmt.Errorf("size %q: must be a number with an optional unit, like 20G or 512M", s)
	}
	size, err := units.RAMInBytes(s)
	// What does not fit in an int64 comes back as its smallest or largest
	// value, depending on the machine.
	if err != nil || size < 0 || size >= 1<<60 {
		return 0, fmt.Errorf("size %q: too large", s)
	}
	return size, nil
}

// describe returns the size as ParseSize reads it back.
func describe(size int64) string { return units.BytesSize(float64(size)) }
