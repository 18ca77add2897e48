//go:build !linux

package child

import "golang.org/x/sys/unix"

// openFilesWanted returns the limits to try, best first. macOS refuses a soft
// limit above kern.maxfilesperproc even where the hard limit is infinite
// (setrlimit(2)); 10240 is OPEN_MAX, which it always takes.
func openFilesWanted(hard uint64) []uint64 {
	wanted := []uint64{hard}
	if n, err := unix.SysctlUint32("kern.maxfilesperproc"); err == nil {
		wanted = append(wanted, min(hard, uint64(n)))
	}
	return append(wanted, min(hard, 10240))
}
