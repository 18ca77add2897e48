// Package accept accepts the connections of a listening socket until the socket
// is closed. It goes on after other errors: a process that has run out of file
// descriptors gets some back later. It imports nothing of nixvf.
package accept

import (
	"errors"
	"net"
	"time"
)

// After an error the next try waits for a moment, which doubles up to the
// longest.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// All calls handle with each connection that the listener accepts, and returns
// when the listener is closed. The first error of several in a row is passed to
// failed, which may be nil. handle must not wait for its connection.
func All[C net.Conn](accept func() (C, error), handle func(C), failed func(error)) {
	var pause time.Duration
	for {
		conn, err := accept()
		switch {
		case err == nil:
			pause = 0
			handle(conn)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		case pause == 0 && failed != nil:
			failed(err)
		}
		pause = min(max(2*pause, firstPause), longestPause)
		time.Sleep(pause)
	}
}
