package instance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

// Exit statuses of a VM that was ended by force: its guest did not stop in
// time (the status that timeout(1) has for that), or somebody asked twice.
const (
	StatusTimeLimit = 124
	StatusForced    = 125
)

// statusKilled is that of one whose nixvf-boot was killed.
const statusKilled = 128 + int(syscall.SIGKILL)

const (
	// lookAgain is how often a VM is looked at that is to end.
	lookAgain = 50 * time.Millisecond
	// forceTime is how long a VM may take that is ended by force, and askAgain how
	// often its nixvf-boot is told so.
	forceTime = 15 * time.Second
	askAgain  = 500 * time.Millisecond
)

// Stop asks a VM to shut down, waits until it has ended and returns nixvf-boot's
// exit status for it. After limit it is ended by force, with status 124; without
// one (0) its nixvf-boot's own holds. Several may ask at once, and again: that
// forces nothing. It is an error when the VM runs on.
func Stop(ctx context.Context, v VM, limit time.Duration) (status int, err error) {
	if err := v.ask(syscall.SIGUSR1); err != nil {
		return 1, err
	}
	asked := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		asked, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	switch err := v.AwaitEnd(asked); {
	case err == nil:
		return v.status(), nil
	case ctx.Err() != nil || asked.Err() == nil:
		return 1, err
	}
	return StatusTimeLimit, v.insist(ctx)
}

// Force ends a VM as pulling the plug would. It is an error when it runs on.
func Force(ctx context.Context, v VM) error { return v.insist(ctx) }

// insist asks until the VM has ended: the second request forces the end, and two
// that come close together are one (signal(7)).
func (v VM) insist(ctx context.Context) error {
	for range forceTime / askAgain {
		if err := v.ask(syscall.SIGTERM); err != nil {
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

// ask sends a signal to the VM's nixvf-boot, as long as it is that process.
func (v VM) ask(sig syscall.Signal) error {
	held, err := lock.Look(v.place.Lock())
	switch {
	case err != nil || held == nil:
		return err
	case held.Gone || held.PID == 0:
		err := fmt.Errorf("%s: its VMM runs, but the nixvf-boot that could end it does not", v.ID)
		return fault.Hint(err, "kill the VMM itself: ps shows it with the path %s", v.place.Dir)
	case held.PID != v.PID: // another start
		return nil
	}
	if err := syscall.Kill(v.PID, sig); err != nil && err != syscall.ESRCH {
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

// AwaitRunning waits until the VM that a user means is there and runs, or ctx
// ends.
func AwaitRunning(ctx context.Context, h place.Host, word string) error {
	return await(ctx, func() (bool, error) {
		v, err := Find(h, word)
		if errors.Is(err, ErrNone) {
			return false, nil
		}
		return v.State == Running || v.State == Background, err
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
	if r := read(v.place); r.Process == v.Process && r.Ended != nil {
		return r.Ended.Status
	}
	return statusKilled
}
