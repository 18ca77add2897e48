package child

import (
	"os/exec"
	"syscall"
)

// bind has the kernel kill the child when this process ends.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
