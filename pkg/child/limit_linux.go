package child

import "syscall"

// MostOpenFiles returns how many files a process that this one starts may have
// open, at most.
func MostOpenFiles() (uint64, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Max, err
}
