package boot

import (
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

func TestTellGuest(t *testing.T) {
	long := strings.Repeat("x", vfkit.MaxCmdline-len("p "))
	tests := []struct {
		argv, want []string // no want: an error
	}{
		{[]string{"vfkit", "--kernel-cmdline", "a -- b"}, []string{"vfkit", "--kernel-cmdline", "p a -- b"}},
		{[]string{"vfkit", "--kernel-cmdline=a"}, []string{"vfkit", "--kernel-cmdline=p a"}},
		{[]string{"vfkit", "--kernel-cmdline", long}, []string{"vfkit", "--kernel-cmdline", "p " + long}},
		{[]string{"vfkit", "--kernel-cmdline", long + "x"}, nil},
		{[]string{"vfkit", "--kernel", "--kernel-cmdlines"}, nil},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.argv)
		got, err := tellGuest(tt.argv, "p")
		if !slices.Equal(got, tt.want) || (err != nil) != (tt.want == nil) {
			t.Errorf("%q: %q, %v", tt.argv, got, err)
		}
		if !slices.Equal(tt.argv, before) {
			t.Errorf("%q has become %q", before, tt.argv)
		}
	}
}
