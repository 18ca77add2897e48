package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive renames from to to unless there is something.
func renameExclusive(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	return os.NewSyscallError("renameat2", err)
}
