//go:build !linux

package child

import "golang.org/x/sys/unix"

// MostOpenFiles returns how many files the process of a VM may have open, at
// most. On macOS it is no child of ours, and our limit none of its limits: there
// is one for each process, and one for all of them together.
func MostOpenFiles() (uint64, error) {
	var value [3]uint32
	for i, name := range []string{"kern.maxfilesperproc", "kern.maxfiles", "kern.num_files"} {
		var err error
		if value[i], err = unix.SysctlUint32(name); err != nil {
			return 0, err
		}
	}
	one, all, used := value[0], value[1], value[2]
	return uint64(min(one, all-min(used, all))), nil
}
