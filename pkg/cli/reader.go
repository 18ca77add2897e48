package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errUnread is the cause of a context that ended with stdout's last reader.
var errUnread = errors.New("nobody reads stdout any more")

// WhileRead returns a context that ends when stdout is a pipe that nobody reads
// any more. A later stage that was interrupted thus ends the earlier ones, even
// one that has nothing to write yet.
func (t *Tool) WhileRead(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if stdout, ok := t.Stdout.(*os.File); ok && isPipe(stdout) {
		go func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for !unread(stdout) {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
			cancel(errUnread)
		}()
	}
	return ctx, func() { cancel(nil) }
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// unread asks without waiting: macOS tells of a reader's end only to those who
// wait to write, and to write is nearly always possible.
func unread(pipe *os.File) bool {
	poll := []unix.PollFd{{Fd: int32(pipe.Fd()), Events: unix.POLLOUT}}
	_, err := unix.Poll(poll, 0)
	return err == nil && poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
