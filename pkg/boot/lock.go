package boot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/place"
)

// takeLock makes this process the one that runs the VM. The lock is a file in
// the state directory, never the disk image, which macOS locks itself. It
// holds for as long as the returned file, or a copy that the VMM inherited, is
// open; the file stays.
func takeLock(vm place.VM) (*os.File, error) {
	if err := os.MkdirAll(vm.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	f, err := os.OpenFile(vm.Lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%s is running already, as process %s", vm.ID, owner(f))
	}
	if err == nil {
		err = writeOwner(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// owner returns what the lock's holder wrote into it.
func owner(f *os.File) string {
	pid, err := io.ReadAll(io.LimitReader(f, 32))
	if text := strings.TrimSpace(string(pid)); err == nil && text != "" {
		return text
	}
	return "(unknown)"
}

func writeOwner(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
