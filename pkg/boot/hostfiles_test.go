package boot

import (
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

func TestTellHostFiles(t *testing.T) {
	long := strings.Repeat("x", vfkit.MaxCmdline-len("nixvf.host-files=468 "))
	tests := []struct{ argv, want []string }{
		{[]string{"vfkit", "--kernel-cmdline", "a -- b"}, []string{"vfkit", "--kernel-cmdline", "nixvf.host-files=468 a -- b"}},
		{[]string{"vfkit", "--kernel-cmdline=a"}, []string{"vfkit", "--kernel-cmdline=nixvf.host-files=468 a"}},
		{[]string{"vfkit", "--kernel-cmdline", ""}, []string{"vfkit", "--kernel-cmdline", "nixvf.host-files=468 "}},
		{[]string{"vfkit", "--kernel-cmdline", "a nixvf.host-files=1"}, []string{"vfkit", "--kernel-cmdline", "a nixvf.host-files=1"}},
		{[]string{"vfkit", "--kernel-cmdline", long}, []string{"vfkit", "--kernel-cmdline", "nixvf.host-files=468 " + long}},
		{[]string{"vfkit", "--kernel-cmdline", long + "x"}, []string{"vfkit", "--kernel-cmdline", long + "x"}},
		{[]string{"vfkit", "--kernel", "--kernel-cmdlines"}, []string{"vfkit", "--kernel", "--kernel-cmdlines"}},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.argv)
		if got := tellHostFiles(tt.argv, 468); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q", tt.argv, got)
		}
		if !slices.Equal(tt.argv, before) {
			t.Errorf("%q has become %q", before, tt.argv)
		}
	}
}

// The guest's bound leaves as much again for what a walk finds before the guest
// has noticed.
func TestHostFiles(t *testing.T) {
	for _, served := range []uint64{0, 100, 1024, 4096, 60_000, 1 << 40} {
		got := hostFiles(served)
		if got == 0 || served > 1000 && (2*got > served || got < served/3) {
			t.Errorf("%d of %d", got, served)
		}
	}
}
