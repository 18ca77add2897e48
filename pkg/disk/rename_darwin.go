package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive renames from to to unless there is something.
func renameExclusive(from, to string) error {
	return os.NewSyscallError("renamex_np", unix.RenamexNp(from, to, unix.RENAME_EXCL))
}
