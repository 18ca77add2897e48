package boot

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve keeps room for the first size bytes of a file, so that a full disk can
// still be reported there. Some file systems cannot.
func reserve(f *os.File, size int64) {
	room := &unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: size}
	_ = unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, room)
}
