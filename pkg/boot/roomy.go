package boot

import (
	"errors"
	"io"
	"syscall"
)

// roomy passes output on to a file. While there is no room for it, output is
// dropped, and lost is called at the first loss: the file goes on when there is
// room again.
type roomy struct {
	to      io.Writer
	lost    func(error)
	dropped bool
}

func (r *roomy) Write(p []byte) (int, error) {
	_, err := r.to.Write(p)
	if err == nil {
		r.dropped = false
	}
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return len(p), err
	}
	if !r.dropped {
		r.dropped = true
		r.lost(err)
	}
	return len(p), nil
}

// logFull says that the console's log misses something.
func (c *guestConsole) logFull(err error) {
	c.tell("warning: console log: %v: output is dropped until there is room", err)
}
