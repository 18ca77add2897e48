package boot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

// onCmdline returns argv with each kernel's command line in it changed. The last
// one is the guest's.
func onCmdline(argv []string, change func(line string) string) []string {
	argv = slices.Clone(argv)
	for i, arg := range argv {
		line := arg
		if i == 0 || argv[i-1] != "--kernel-cmdline" {
			var given bool
			if line, given = strings.CutPrefix(arg, "--kernel-cmdline="); !given {
				continue
			}
		}
		argv[i] = strings.TrimSuffix(arg, line) + change(line)
	}
	return argv
}

// tellGuest puts a parameter in front of the kernel's command line, before any
// arguments for init.
func tellGuest(argv []string, param string) ([]string, error) {
	err := errors.New("there is no kernel command line that could tell the guest")
	argv = onCmdline(argv, func(line string) string {
		if err = nil; len(param)+1+len(line) > vfkit.MaxCmdline {
			err = fmt.Errorf("the kernel's command line has no room for %s", param)
		}
		return param + " " + line
	})
	if err != nil {
		return nil, err
	}
	return argv, nil
}
