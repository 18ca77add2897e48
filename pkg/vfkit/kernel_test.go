package vfkit

import (
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// The last console= is /dev/console: hvc0, where the VM's terminal is, whatever
// the configuration says, unless a flag or the environment names another.
func TestLastConsole(t *testing.T) {
	for _, tt := range []struct{ document, flag, want string }{
		{"quiet", "", "quiet console=hvc0 init=/i"},
		{"quiet console=hvc0", "", "quiet console=hvc0 init=/i"},
		{"console=hvc0,115200", "", "console=hvc0,115200 init=/i"},
		{"console=ttyS0", "", "console=ttyS0 console=hvc0 init=/i"},
		{"console=hvc0 console=tty0 quiet", "", "console=hvc0 console=tty0 quiet console=hvc0 init=/i"},
		{"console=hvc1", "", "console=hvc1 console=hvc0 init=/i"},
		{"console=tty0", "console=ttyS0", "console=tty0 init=/i console=ttyS0"},
		{"console=tty0", "quiet", "console=tty0 console=hvc0 init=/i quiet"},
	} {
		doc := &bootdoc.Document{KernelParams: strings.Fields(tt.document), Init: "/i"}
		b := &builder{boot: doc, Options: Options{Flags: Flags{KernelParams: []string{tt.flag}}, Host: host()}}
		if got := strings.TrimSpace(b.kernelCommandLine()); got != tt.want {
			t.Errorf("%q and the flag %q make %q, want %q", tt.document, tt.flag, got, tt.want)
		}
	}
}
