package instance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/lock"
)

// Exit statuses of a VM that was ended by force, as nixvf-boot has them.
const (
	statusTimeLimit = 124
	statusKilled    = 128 + int(syscall.SIGKILL)
)

const (
	// lookAgain is how often a VM is looked at that is to end.
	lookAgain = 50 * time.Millisecond
	// forceTime is how long a VM may take that is ended by force, and askAgain how
	// often its nixvf-boot is told so.
	forceTime = 15 * time.Second
	askAgain  = 500 * time.Millisecond
)

// Stop asks a VM to shut down, waits until it has ended and returns nixvf-boot's
// exit status for it. After limit, or at once when force is true, it is ended by
// force; nixvf-boot has a limit of its own. It is an error when the VM runs on.
func Stop(ctx context.Context, v VM, limit time.Duration, force bool) (status int, err error) {
	if v.State == Orphaned {
		return 1, fmt.Errorf("%s: it is running, but not the nixvf-boot that could stop it", v.ID)
	}
	if err := v.ask(); err != nil {
		return 1, err
	}
	if force {
		limit = 0
	}
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if v.AwaitEnd(asked) == nil {
		return v.status(), nil
	}
	if ctx.Err() != nil {
		return 1, context.Cause(ctx)
	}
	if err := v.insist(ctx); err != nil {
		return 1, err
	}
	if force {
		return 0, nil
	}
	return statusTimeLimit, nil
}

// insist asks again until the VM has ended: the second request forces the end,
// and two that come close together are one (signal(7)).
func (v VM) insist(ctx context.Context) error {
	for range forceTime / askAgain {
		if err := v.ask(); err != nil {
			return err
		}
		soon, cancel := context.WithTimeout(ctx, askAgain)
		err := v.AwaitEnd(soon)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("%s: process %d does not end", v.ID, v.PID)
}

// ask asks the VM's nixvf-boot for the end, as long as it is that process.
func (v VM) ask() error {
	held, err := lock.Look(v.place.Lock())
	if err != nil || held == nil || held.Gone || held.PID != v.PID {
		return err
	}
	if err := syscall.Kill(v.PID, syscall.SIGTERM); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("%s: %w", v.ID, os.NewSyscallError("kill", err))
	}
	return nil
}

// AwaitEnd waits until the VM does not run any more, or ctx ends.
func (v VM) AwaitEnd(ctx context.Context) error {
	return await(ctx, func() (bool, error) {
		held, err := lock.Look(v.place.Lock())
		return held == nil, err
	})
}

// AwaitRunning waits until the VM runs, or ctx ends.
func (v VM) AwaitRunning(ctx context.Context) error {
	return await(ctx, func() (bool, error) {
		held, err := lock.Look(v.place.Lock())
		return held != nil && read(v.place).Ended == nil, err
	})
}

// await waits for what is looked at again and again.
func await(ctx context.Context, done func() (bool, error)) error {
	for {
		yes, err := done()
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

// status is the exit status of a VM that has ended since it was looked at. A
// nixvf-boot that was killed has left none. One that has removed its ephemeral
// VM was not, and more is not known of it.
func (v VM) status() int {
	if _, err := os.Stat(v.place.Dir); errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	end := read(v.place).Ended
	if end == nil || v.Ended != nil && end.Time.Equal(v.Ended.Time) {
		return statusKilled
	}
	return end.Status
}
