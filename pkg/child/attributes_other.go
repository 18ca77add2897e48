//go:build !linux

package child

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/term"
)

// bind has the kernel send HUP to a child whose stdin is a terminal of ours, when
// this process ends and with it the terminal: only Linux has a parent-death
// signal.
func bind(cmd *exec.Cmd) {
	stdin, ok := cmd.Stdin.(*os.File)
	onTerminal := ok && term.IsTerminal(int(stdin.Fd()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: onTerminal, Ctty: 0}
}
