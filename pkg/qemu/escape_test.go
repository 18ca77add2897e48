package qemu

import (
	"strings"
	"testing"
)

// split reads an option's parts as QEMU does (util/keyval.c, get_opt_value): two
// commas are one that belongs to the value.
func split(option string) []string {
	parts := []string{""}
	for i := 0; i < len(option); i++ {
		last := len(parts) - 1
		switch {
		case option[i] != ',':
			parts[last] += option[i : i+1]
		case strings.HasPrefix(option[i:], ",,"):
			parts[last] += ","
			i++
		default:
			parts = append(parts, "")
		}
	}
	return parts
}

// An escaped value is one part of an option, whatever it holds, and no other.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a,b", ",", ",,", "a,readonly=on", "=,=", ",,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		parts := split("path=" + escape(value) + ",server=on")
		if len(parts) != 2 || parts[0] != "path="+value || parts[1] != "server=on" {
			t.Errorf("%q becomes %q", value, parts)
		}
	})
}
