package boot

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve keeps room for the first size bytes of a file, so that a full disk can
// still be reported there. Some file systems cannot.
func reserve(f *os.File, size int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}
