package nix

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel stop the command when nixvf is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
