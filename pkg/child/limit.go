package child

import "syscall"

// RaiseOpenFiles raises the limit of open files as far as Linux lets it, for this
// process and those that it starts, and returns the new limit. virtiofsd has a
// file open for each inode of a share that the guest remembers.
//
// It must be syscall.Setrlimit: Go raises its own soft limit at start, and
// gives children the old one unless the program set a limit through that
// package itself.
func RaiseOpenFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return uint64(limit.Max), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
