//go:build !linux

package child

import "syscall"

// attributes cannot bind the child's life to ours: only Linux has a
// parent-death signal.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}
