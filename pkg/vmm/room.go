package vmm

import "golang.org/x/sys/unix"

// roomLeast is how much room there must be for a guest to go on, in bytes.
const roomLeast = 16 << 20

// HasRoom reports whether the file system of an image has room for a guest to go
// on; also where that cannot be known.
func HasRoom(image string) bool {
	var fs unix.Statfs_t
	err := unix.Statfs(image, &fs)
	return err != nil || uint64(fs.Bavail)*uint64(fs.Bsize) >= roomLeast
}

// Full returns the first image whose file system has no room, "" if all have.
func Full(images []string) string {
	for _, path := range images {
		if !HasRoom(path) {
			return path
		}
	}
	return ""
}
