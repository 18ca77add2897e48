package child

import "syscall"

// RaiseOpenFiles raises the limit of open files as far as the system lets it,
// for this process and those that it starts, and returns the new limit. A VMM
// opens a host file for each inode that the guest touches in a share.
//
// It must be syscall.Setrlimit: Go raises its own soft limit at start, and
// gives children the old one unless the program set a limit through that
// package itself.
func RaiseOpenFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	var err error
	for _, want := range openFilesWanted(limit.Max) {
		limit.Cur = want
		if err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
			return uint64(want), nil
		}
	}
	return 0, err
}
